import { isLeft } from 'fp-ts/lib/Either.js';
import {
  IommuDestroy,
  IommuHwptAlloc,
  IommuHwInfo,
  IommuIoasAlloc,
  IommuIoasIovaRanges,
  IommuIoasMap,
  IommuIoasUnmap,
  IommuIovaRange,
  IommufdRequest,
  type IoResult,
  type Process,
  type Range64,
} from '@ioasis/core';
import { EduDriver } from '@ioasis/testkit';
import { expect } from 'vitest';
import type { Personality } from '../../src/index.js';
import { structCall } from '../../src/client/struct-call.js';
import { BUFFER, must, type TestMachine } from '../support/vfio-machine.js';

/** What a client does from its start to its end, with the assertions that the client itself makes. */
export interface ClientScript {
  /** The program whose users would notice. */
  readonly client: string;
  /** Where the order of calls is from. */
  readonly source: string;
  readonly personalities: readonly Personality[];
  run(test: TestMachine): void;
}

/** Containers of both kinds serve clients of the group path. */
export const BOTH: readonly Personality[] = ['iommufd', 'type1'];
/** Clients of /dev/iommu and device files do not care who serves /dev/vfio/vfio. */
export const ANY: readonly Personality[] = ['iommufd'];

/** A section of a guest's or a program's memory: where it is mapped, and where it lies in the test's buffer. */
export interface Section {
  readonly iova: bigint;
  readonly offset: bigint;
  readonly size: bigint;
}

/** RAM of a small guest: below the VGA hole, above it, and a DIMM higher up. */
export const GUEST_RAM: readonly Section[] = [
  { iova: 0x0n, offset: 0x0n, size: 0x8_0000n },
  { iova: 0x10_0000n, offset: 0x8_0000n, size: 0x4_0000n },
  { iova: 0x20_0000n, offset: 0xc_0000n, size: 0x4_0000n },
];

/** The device moves bytes through an IOVA both ways; the program sees them. */
export function expectDma(test: TestMachine, deviceFd: number, { iova, offset }: Section): void {
  const edu = new EduDriver(test.process, deviceFd);
  const { addressSpace } = test.process;
  addressSpace.poke(BUFFER + offset, Uint8Array.of(0xca, 0xfe, 0xba, 0xbe));
  edu.transfer('to-device', iova, 0, 4);
  edu.transfer('from-device', iova + 0x100n, 0, 4);
  expect([...addressSpace.peek(BUFFER + offset + 0x100n, 4)]).toEqual([0xca, 0xfe, 0xba, 0xbe]);
}

/** The device cannot write to an IOVA: what lies in the buffer stays. */
export function expectNoDma(test: TestMachine, deviceFd: number, { iova, offset }: Section): void {
  const { addressSpace } = test.process;
  addressSpace.poke(BUFFER + offset, Uint8Array.of(1, 2, 3, 4));
  new EduDriver(test.process, deviceFd).transfer('from-device', iova, 0x800, 4);
  expect([...addressSpace.peek(BUFFER + offset, 4)]).toEqual([1, 2, 3, 4]);
}

/** The calls of /dev/iommu that clients make at start-up. */
export class IommufdCalls {
  readonly process: Process;
  readonly fd: number;

  constructor(process: Process) {
    this.process = process;
    this.fd = must(process.open('/dev/iommu'));
  }

  ioasAlloc(): number {
    return IommuIoasAlloc.decode(
      this.#call(IommufdRequest.IOAS_ALLOC, IommuIoasAlloc.encode({ size: IommuIoasAlloc.size })),
    ).out_ioas_id;
  }

  /** The two-step question for IOVA ranges: 0 elements end in EMSGSIZE with the count. */
  iovaRanges(ioasId: number): readonly Range64[] {
    const ask = (count: number, array: bigint): { readonly result: IoResult<number>; readonly count: number } => {
      const argument = IommuIoasIovaRanges.encode({
        size: IommuIoasIovaRanges.size,
        ioas_id: ioasId,
        num_iovas: count,
        allowed_iovas: array,
      });
      const { result, bytes } = structCall(this.process, this.fd, IommufdRequest.IOAS_IOVA_RANGES, argument);
      return { result, count: IommuIoasIovaRanges.decode(bytes).num_iovas };
    };
    const first = ask(0, 0n);
    expect(isLeft(first.result) ? first.result.left.errno : 'ok').toBe('EMSGSIZE');
    return this.process.scratch.borrow(first.count * IommuIovaRange.size, (array) => {
      must(ask(first.count, array).result);
      const bytes = this.process.addressSpace.peek(array, first.count * IommuIovaRange.size);
      return Array.from({ length: first.count }, (_, at) =>
        IommuIovaRange.decode(bytes.subarray(at * IommuIovaRange.size)),
      );
    });
  }

  /** Maps for reading and writing; without `iova` the kernel chooses. @returns the IOVA */
  map(ioasId: number, userVa: bigint, length: bigint, iova?: bigint): bigint {
    const FIXED_IOVA = 1;
    const flags = 6 | (iova === undefined ? 0 : FIXED_IOVA);
    const argument = IommuIoasMap.encode({
      size: IommuIoasMap.size,
      flags,
      ioas_id: ioasId,
      user_va: userVa,
      length,
      iova: iova ?? 0n,
    });
    return IommuIoasMap.decode(this.#call(IommufdRequest.IOAS_MAP, argument)).iova;
  }

  unmap(ioasId: number, iova: bigint, length: bigint): IoResult<bigint> {
    const argument = IommuIoasUnmap.encode({ size: IommuIoasUnmap.size, ioas_id: ioasId, iova, length });
    const { result, bytes } = structCall(this.process, this.fd, IommufdRequest.IOAS_UNMAP, argument);
    return isLeft(result) ? result : { _tag: 'Right', right: IommuIoasUnmap.decode(bytes).length };
  }

  hwInfo(deviceId: number): { readonly type: number; readonly dataBytes: number; readonly capabilities: bigint } {
    const argument = IommuHwInfo.encode({ size: IommuHwInfo.size, dev_id: deviceId });
    const info = IommuHwInfo.decode(this.#call(IommufdRequest.GET_HW_INFO, argument));
    return { type: info.out_data_type, dataBytes: info.data_len, capabilities: info.out_capabilities };
  }

  hwptAlloc(deviceId: number, ptId: number, flags: number): IoResult<number> {
    const argument = IommuHwptAlloc.encode({ size: IommuHwptAlloc.size, flags, dev_id: deviceId, pt_id: ptId });
    const { result, bytes } = structCall(this.process, this.fd, IommufdRequest.HWPT_ALLOC, argument);
    return isLeft(result) ? result : { _tag: 'Right', right: IommuHwptAlloc.decode(bytes).out_hwpt_id };
  }

  destroy(id: number): IoResult<number> {
    const argument = IommuDestroy.encode({ size: IommuDestroy.size, id });
    return structCall(this.process, this.fd, IommufdRequest.DESTROY, argument).result;
  }

  #call(request: number, argument: Uint8Array): Uint8Array {
    const { result, bytes } = structCall(this.process, this.fd, request, argument);
    must(result);
    return bytes;
  }
}
