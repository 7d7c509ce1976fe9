import { Buffer } from 'node:buffer';
import { gunzipSync } from 'node:zlib';
import { isLeft, left, right, type Either } from 'fp-ts/lib/Either.js';
import { readInput } from '../files.js';
import { bareUnits } from './bare-units.js';
import { sparseMemory, type Image } from './image.js';
import { snapshotImage } from './snapshot.js';
import { traceImage, type TraceMoment } from './trace-image.js';

/** How a file is read. */
export interface ImageChoice extends TraceMoment {
  /** Physical address of a raw dump's first byte; present: the file is one. */
  readonly base?: bigint;
  /** Vendor of a raw dump's tables. */
  readonly unit?: string;
  /** Root register of a raw dump. */
  readonly root?: bigint;
  /** SMMU_STRTAB_BASE_CFG of a raw dump. */
  readonly rootConfiguration?: bigint;
  /** Bits of a physical address on a machine with VT-d; absent: the image tells. */
  readonly width?: number;
}

/** The bytes, unpacked where they begin as gzip's do. @returns Left with what is wrong with the archive */
function unpacked(bytes: Uint8Array): Either<string, Uint8Array> {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return right(bytes);
  try {
    return right(gunzipSync(bytes));
  } catch (error) {
    return left(`it is no whole gzip file: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function rawImage(bytes: Uint8Array, base: bigint, choice: ImageChoice): Either<string, Image> {
  const { unit = '', root, rootConfiguration, width } = choice;
  if (bytes.length === 0) return left('the file is empty');
  const make = Object.hasOwn(bareUnits, unit) ? bareUnits[unit] : undefined;
  if (make === undefined || root === undefined) {
    return left(`a raw dump needs --root REGISTER and --unit ${Object.keys(bareUnits).join('|')}`);
  }
  try {
    const configuration = rootConfiguration === undefined ? {} : { rootConfiguration: Number(rootConfiguration) };
    const given = { root, ...configuration, ...(width === undefined ? {} : { width }) };
    return right({ unit: make(sparseMemory([[base, bytes]]), given), requesters: [] });
  } catch (error) {
    return left(error instanceof RangeError ? error.message : String(error));
  }
}

const isTrace = (file: string, { base }: ImageChoice): boolean => base === undefined && /\.jsonl(\.gz)?$/.test(file);

/** Options that mean nothing for a file of its kind. */
function idleOption(file: string, choice: ImageChoice): string | undefined {
  const of = (kind: string, options: Readonly<Record<string, unknown>>): string | undefined => {
    const [given] = Object.keys(options).filter((name) => options[name] !== undefined);
    return given && `--${given} is for ${kind}`;
  };
  const { scenario, step, unit, root, rootConfiguration, width, base } = choice;
  if (!isTrace(file, choice)) {
    const idle = of('a trace (.jsonl)', { scenario, step });
    if (idle !== undefined) return idle;
  } else if (width !== undefined) return '--width is for a snapshot or a raw dump: a trace says what machine it is of';
  if (base === undefined) {
    return of('a raw dump, which needs --base ADDRESS too', { unit, root, 'root-configuration': rootConfiguration });
  }
  return width !== undefined && unit !== 'intel-vtd' ? '--width is for --unit intel-vtd' : undefined;
}

/** Tables of a file: a raw dump, a trace (`.jsonl`), or a snapshot in JSON; plain or gzip. @returns Left with what is wrong */
export function loadImage(file: string, choice: ImageChoice): Either<string, Image> {
  const idle = idleOption(file, choice);
  if (idle !== undefined) return left(idle);
  const bytes = readInput(file);
  if (isLeft(bytes)) return bytes;
  if (isTrace(file, choice)) return traceImage(file, bytes.right, choice);
  const plain = unpacked(bytes.right);
  if (isLeft(plain)) return left(`${file}: ${plain.left}`);
  const image =
    choice.base === undefined
      ? snapshotImage(Buffer.from(plain.right).toString('utf8'), choice.width)
      : rawImage(plain.right, choice.base, choice);
  return isLeft(image) ? left(`${file}: ${image.left}`) : image;
}
