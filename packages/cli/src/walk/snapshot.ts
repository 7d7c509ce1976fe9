import { Buffer } from 'node:buffer';
import { left, right, isLeft, type Either } from 'fp-ts/lib/Either.js';
import * as t from 'io-ts';
import { bareUnits } from './bare-units.js';
import { sparseMemory, type Image } from './image.js';

const requester = t.intersection([t.type({ sid: t.string }), t.partial({ bdf: t.string, what: t.string })]);

/** The part of a table snapshot (fixtures/README.md) that a walk needs. */
const snapshot = t.intersection([
  t.type({ regs: t.record(t.string, t.string), pages: t.array(t.tuple([t.string, t.string])) }),
  t.partial({
    zero_pages: t.array(t.string),
    devices: t.array(requester),
    streams: t.array(requester),
    machine: t.string,
    table_mode: t.string,
    stream_table: t.unknown,
    device_table: t.unknown,
  }),
]);

type Snapshot = t.TypeOf<typeof snapshot>;

/** Offsets of the root register, and of the one that says how it is meant. */
const ROOTS: Readonly<Record<string, readonly [root: number, configuration?: number]>> = {
  'intel-vtd': [0x20],
  'arm-smmuv3': [0x80, 0x88],
  'amd-vi': [0x00],
};

/** Whose tables these are: each vendor's snapshot has a key that the others have not. */
function vendorOf(content: Snapshot): string {
  if (content.stream_table !== undefined) return 'arm-smmuv3';
  return content.device_table === undefined ? 'intel-vtd' : 'amd-vi';
}

/** Bits of a physical address where QEMU's VT-d was started with `aw-bits`: it reports them as the host's width too. */
function widthOf({ machine = '' }: Snapshot): number | undefined {
  const [, bits] = /intel-iommu\b[^;]*\baw-bits=(\d+)/.exec(machine) ?? [];
  return bits === undefined ? undefined : Number(bits);
}

const ZEROS = new Uint8Array(4096);

/**
 * An image of a snapshot in JSON.
 * @param width of VT-d, bits of a physical address; undefined: what the snapshot says of its machine
 * @returns Left with what is wrong
 */
export function snapshotImage(text: string, width: number | undefined): Either<string, Image> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return left(`it is no JSON: ${reason}; a raw dump needs --base ADDRESS`);
  }
  const read = snapshot.decode(json);
  if (isLeft(read)) return left('it is no table snapshot: regs and pages are missing, or are not what they should be');
  const { regs, pages, zero_pages: zeros = [], devices, streams } = read.right;
  const vendor = vendorOf(read.right);
  const bits = width ?? widthOf(read.right);
  const register = (offset: number): number | undefined => {
    const value = regs[`0x${offset.toString(16).padStart(3, '0')}`];
    return value === undefined ? undefined : Number(value);
  };
  const [rootAt, configurationAt] = ROOTS[vendor]!;
  const [low, high] = [register(rootAt), register(rootAt + 4)];
  if (low === undefined || high === undefined) return left(`it has no register at 0x${rootAt.toString(16)}, the root`);
  const configuration = configurationAt === undefined ? undefined : register(configurationAt);
  try {
    const memory = sparseMemory([
      ...zeros.map((address) => [BigInt(address), ZEROS] as const),
      ...pages.map(([address, hex]) => [BigInt(address), Buffer.from(hex, 'hex')] as const),
    ]);
    const root = (BigInt(high) << 32n) | BigInt(low);
    const unit = bareUnits[vendor]!(memory, {
      root,
      read: register,
      ...(configuration === undefined ? {} : { rootConfiguration: configuration }),
      ...(bits === undefined ? {} : { width: bits }),
    });
    const requesters = (devices ?? streams ?? []).map(({ sid, bdf, what }) => ({
      id: Number(sid),
      name: [bdf ?? `stream ${sid}`, what].filter(Boolean).join(' '),
    }));
    return right({ unit, requesters });
  } catch (error) {
    return left(error instanceof RangeError ? error.message : String(error));
  }
}
