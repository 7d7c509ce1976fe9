import { isLeft, left, right, type Either } from 'fp-ts/lib/Either.js';
import { check, parseObject, readLines, type MalformedLine } from '../jsonl/index.js';
import { ScenarioHeader, ScenarioLine, scenarioOps, stepCodec, type Scenario } from './format.js';

/** A file of scenarios for one unit. */
export interface ScenarioFile {
  readonly file: string;
  readonly header: ScenarioHeader;
  /** The header's line as it stands in the file; an emitted file begins with it. */
  readonly headerLine: string;
  readonly scenarios: readonly Scenario[];
}

function readHeader(line: string): Either<string, ScenarioHeader> {
  const parsed = parseObject(line);
  if (isLeft(parsed)) return parsed;
  const { header, format } = parsed.right;
  if (header !== 1) return left('the first line must be a header: {"header":1,"format":"iommu-scenario/1","unit":...}');
  if (format !== 'iommu-scenario/1') return left(`format ${JSON.stringify(format)} is not iommu-scenario/1`);
  return check(ScenarioHeader, parsed.right);
}

function readScenario(line: string): Either<string, Scenario> {
  const parsed = parseObject(line);
  if (isLeft(parsed)) return parsed;
  const scenario = check(ScenarioLine, parsed.right);
  if (isLeft(scenario)) return scenario;
  for (const [index, step] of scenario.right.steps.entries()) {
    const codec = stepCodec(step);
    if (codec === undefined) return left(`steps.${index}.op must be one of ${scenarioOps.join(', ')}`);
    const checked = check(codec, step);
    if (isLeft(checked)) return left(`steps.${index}: ${checked.left}`);
    if (step.op === 'dma' && step.dir === 'write' && step.data?.length !== 2 * Number(step.len)) {
      return left(`steps.${index}: a write of ${step.len} bytes must have as many bytes of data`);
    }
  }
  const count = scenario.right.steps.length;
  const stray = scenario.right.expect.find(({ step }) => step < 0 || step >= count);
  if (stray !== undefined) return left(`expect names step ${stray.step}, and there are ${count}`);
  return scenario;
}

/**
 * Reads `iommu-scenario/1`, plain or gzip.
 * @param file name for messages only
 */
export function readScenarios(file: string, bytes: Uint8Array): Either<MalformedLine, ScenarioFile> {
  const lines = readLines(file, bytes);
  if (isLeft(lines)) return lines;
  const [first = '', ...rest] = lines.right;
  const header = readHeader(first);
  if (isLeft(header)) return left({ file, line: 1, reason: header.left });
  const scenarios: Scenario[] = [];
  for (const [index, text] of rest.entries()) {
    const read = readScenario(text);
    if (isLeft(read)) return left({ file, line: index + 2, reason: read.left });
    scenarios.push(read.right);
  }
  return right({ file, header: header.right, headerLine: first, scenarios });
}
