import { isLeft, left, right, type Either } from 'fp-ts/lib/Either.js';
import { check, parseObject, readLines, type MalformedLine } from '../jsonl/index.js';
import { codecOf, TraceHeader, traceOps, type TraceStep } from './format.js';

/** A recording: who answered, and what was asked and answered. */
export interface Trace {
  readonly file: string;
  readonly header: TraceHeader;
  /** The header's line as it stands in the file; an emitted file begins with it. */
  readonly headerLine: string;
  readonly steps: readonly TraceStep[];
}

function readStep(line: string): Either<string, TraceStep> {
  const parsed = parseObject(line);
  if (isLeft(parsed)) return parsed;
  const codec = codecOf(parsed.right);
  if (codec === undefined)
    return left(`op ${JSON.stringify(parsed.right['op']) ?? 'is missing'}: not one of ${traceOps.join(', ')}`);
  return check(codec, parsed.right);
}

function readHeader(line: string): Either<string, TraceHeader> {
  const parsed = parseObject(line);
  if (isLeft(parsed)) return parsed;
  const { header, format } = parsed.right;
  if (header !== 1) return left('the first line must be a header: {"header":1,"format":"iommu-trace/1",...}');
  if (format !== 'iommu-trace/1') return left(`format ${JSON.stringify(format)} is not iommu-trace/1`);
  return check(TraceHeader, parsed.right);
}

/**
 * Reads `iommu-trace/1`, plain or gzip. A whole scenario may be missing or the last one cut short, but a step outside of a scenario is
 * malformed.
 * @param file name for messages only
 */
export function readTrace(file: string, bytes: Uint8Array): Either<MalformedLine, Trace> {
  const lines = readLines(file, bytes);
  if (isLeft(lines)) return lines;
  const [first = '', ...rest] = lines.right;
  const header = readHeader(first);
  if (isLeft(header)) return left({ file, line: 1, reason: header.left });

  const steps: TraceStep[] = [];
  let scenario: string | undefined;
  for (const [index, text] of rest.entries()) {
    const malformed = (reason: string): Either<MalformedLine, never> => left({ file, line: index + 2, reason });
    const read = readStep(text);
    if (isLeft(read)) return malformed(read.left);
    const step = read.right;
    if (step.op === 'begin') {
      if (scenario !== undefined) return malformed(`scenario ${step.scenario} begins before ${scenario} has ended`);
      scenario = step.scenario;
    } else if (step.scenario !== scenario) {
      return malformed(`scenario ${step.scenario} has not begun`);
    }
    if (step.op === 'end') scenario = undefined;
    steps.push(step);
  }
  return right({ file, header: header.right, headerLine: first, steps });
}
