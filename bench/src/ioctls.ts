import { IoasMapFlag, IommufdRequest, IommuIoasMap } from '@ioasis/core';
import { createTestMachine, mockBackend } from '@ioasis/testkit';
import { inChunks } from './chunks.js';
import { ownTime } from './clock.js';
import type { Figures } from './rounds.js';

const MAPS = 4096;
/** Times that they are mapped: long enough that each run pays for the garbage that it makes, and not for a collection of others'. */
const PASSES = 8;
const DECODES = 65536;
const STRIDE = 64;
const IOVA = 0x4000_0000n;

/** IOAS_MAP of single pages on a mock domain, as a program calls it: bytes in memory, a request number and an address. */
export class IoctlRun {
  readonly #machine = createTestMachine({ backend: mockBackend() });
  readonly #page = this.#machine.buffer(0x1000);
  readonly #structs = this.#machine.buffer(MAPS * STRIDE);
  readonly #arguments: readonly bigint[];
  readonly #bytes: Uint8Array;

  constructor() {
    const flags = IoasMapFlag.FIXED_IOVA | IoasMapFlag.READABLE | IoasMapFlag.WRITEABLE;
    const fields = {
      size: IommuIoasMap.size,
      flags,
      ioas_id: this.#machine.ioasId,
      user_va: this.#page.va,
      length: 0x1000n,
    };
    this.#bytes = IommuIoasMap.encode({ ...fields, iova: IOVA });
    const addresses = Array.from({ length: MAPS }, (_, index) => index);
    for (const index of addresses) {
      this.#structs.write(index * STRIDE, IommuIoasMap.encode({ ...fields, iova: IOVA + BigInt(index) * 0x1000n }));
    }
    this.#arguments = addresses.map((index) => this.#structs.va + BigInt(index * STRIDE));
  }

  run(): Figures {
    const { process: program, iommufd, ioasId } = this.#machine;
    const { fd } = iommufd;
    let map = 0;
    for (let pass = 0; pass < PASSES; pass++) {
      map += ownTime(() => {
        for (const argument of this.#arguments) {
          if (program.ioctl(fd, IommufdRequest.IOAS_MAP, argument)._tag === 'Left') throw new Error('map refused');
        }
      });
      iommufd.ioasUnmap(ioasId, IOVA, BigInt(MAPS) * 0x1000n);
    }
    const decode = ownTime(() => {
      const sum = inChunks(DECODES, (from, to) => decodeOften(new DataView(this.#bytes.buffer), to - from));
      if (sum === 0) throw new Error('nothing decoded');
    });
    return { ioctl_map: map / (MAPS * PASSES), ioctl_struct: decode / DECODES };
  }
}

const { offsets } = IommuIoasMap;
const {
  flags: FLAGS,
  ioas_id: IOAS_ID,
  __reserved: RESERVED,
  user_va: USER_VA,
  length: LENGTH,
  iova: IOVA_AT,
} = offsets;

/** What the handler of IOAS_MAP reads and tests of its structure, as it does it. */
function decodeOften(view: DataView, times: number): number {
  const known = IoasMapFlag.FIXED_IOVA | IoasMapFlag.WRITEABLE | IoasMapFlag.READABLE;
  let sum = 0;
  for (let i = 0; i < times; i++) {
    const flags = view.getUint32(FLAGS, true);
    if ((flags & ~known) !== 0 || view.getUint32(RESERVED, true) !== 0) return 0;
    if (view.getInt32(IOVA_AT, true) === -1 && view.getInt32(IOVA_AT + 4, true) === -1) return 0;
    if (view.getInt32(LENGTH, true) === -1 && view.getInt32(LENGTH + 4, true) === -1) return 0;
    sum += view.getUint32(IOAS_ID, true) + pageAt(view, USER_VA) + pageAt(view, LENGTH) + pageAt(view, IOVA_AT);
    sum += (view.getUint16(USER_VA, true) + view.getUint16(LENGTH, true) + view.getUint16(IOVA_AT, true)) & 0xfff;
  }
  return sum;
}

const pageAt = (view: DataView, offset: number): number =>
  view.getUint32(offset + 4, true) * 0x10_0000 + (view.getUint32(offset, true) >>> 12);
