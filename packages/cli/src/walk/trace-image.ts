import { describeMalformedLine, readTrace, replaySteps } from '@ioasis/testkit';
import { isLeft, left, right, type Either } from 'fp-ts/lib/Either.js';
import type { Machine } from '@ioasis/core';
import { replayMachine } from '../replay/machines.js';
import type { Image } from './image.js';

/** Where in a trace the tables are looked at. */
export interface TraceMoment {
  /** Text in the scenario's name; absent: the first scenario. */
  readonly scenario?: string;
  /** `seq` of the last step that is done; absent: the one before the scenario's end. */
  readonly step?: number;
}

/** The tables that a recorded program has made at one of its steps. @returns Left with what is wrong */
export function traceImage(file: string, bytes: Uint8Array, { scenario, step }: TraceMoment): Either<string, Image> {
  const read = readTrace(file, bytes);
  if (isLeft(read)) return left(describeMalformedLine(read.left));
  const trace = read.right;
  const chosen = trace.steps.find((each) => each.op === 'begin' && each.scenario.includes(scenario ?? ''))?.scenario;
  if (chosen === undefined) {
    const first = trace.steps.find(({ op }) => op === 'begin')?.scenario;
    const wayOut = first === undefined ? '' : `; the first one is ${first}`;
    return left(`${file}: no scenario has "${scenario ?? ''}" in its name${wayOut}`);
  }
  const steps = trace.steps.filter((each) => each.scenario === chosen && each.op !== 'end');
  const [begin, last] = [steps[0]?.seq ?? 0, steps.at(-1)?.seq ?? 0];
  if (step !== undefined && (step < begin || step > last)) {
    return left(`${file}: step ${step} is not in ${chosen}, which has ${begin} to ${last}`);
  }
  const made = replayMachine(trace.header, {});
  if (isLeft(made)) return left(`${file}: ${made.left}`);
  let machine: Machine | undefined;
  const make = (): Machine => (machine = made.right.make());
  const done = { ...trace, steps: steps.filter(({ seq }) => seq <= (step ?? last)) };
  for (const { step: at, outcome } of replaySteps(done, make)) {
    if (outcome.exception !== undefined) return left(`${file}: seq ${at.seq}: ${outcome.exception}`);
  }
  const devices = machine?.devices ?? [];
  const [first] = devices;
  if (machine === undefined || first === undefined) return left(`${file}: its machine has no device behind an IOMMU`);
  return right({
    unit: machine.backend.unitOf(first.iommu),
    requesters: devices.map(({ iommu }) => ({ id: iommu.requesterId, name: iommu.name })),
  });
}
