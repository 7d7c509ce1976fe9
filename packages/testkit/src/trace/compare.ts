import { describeRefusal } from '@ioasis/core';
import { fieldDifferences, type FieldDifference } from './fields.js';
import type { CallResult, TraceStep } from './format.js';
import type { StepOutcome } from './outcome.js';

/** One thing in which a step's outcome is not the recorded one. */
export interface Difference {
  /** `ret`, `errno`, `out`, `bufs.0`, `data` or `revents`. */
  readonly what: string;
  readonly expected: string;
  readonly got: string;
  /** For bytes: the fields that differ. */
  readonly fields: readonly FieldDifference[];
}

const plain = (what: string, expected: unknown, got: unknown): Difference[] =>
  expected === got ? [] : [{ what, expected: String(expected), got: String(got), fields: [] }];

function bytes(step: TraceStep, what: string, expected: string, got: string | undefined): Difference[] {
  if (got === undefined || expected.toLowerCase() === got) return [];
  return [{ what, expected, got, fields: fieldDifferences(step, what, expected, got) }];
}

const returnsDescriptor = (step: TraceStep): boolean => 'newfd' in step && step.newfd?.off === -1;

function callResult(step: TraceStep & CallResult, outcome: StepOutcome): Difference[] {
  if (step.errno !== (outcome.errno ?? null)) {
    const got =
      outcome.refusal === undefined ? String(outcome.errno ?? `ret ${outcome.ret}`) : describeRefusal(outcome.refusal);
    return [{ what: 'errno', expected: step.errno ?? `ret ${step.ret}`, got, fields: [] }];
  }
  // Rule 8: a descriptor number that is the return value is translated, not compared.
  return returnsDescriptor(step) && (outcome.ret ?? -1) >= 0 ? [] : plain('ret', step.ret, outcome.ret);
}

/** Whether a kind of step has a result at all; the others only act or inform. */
export const isCompared = (step: TraceStep): boolean => 'errno' in step || step.op === 'peek' || step.op === 'config';

/** Everything in which an outcome departs from the recording; empty when the step agrees. */
export function compareStep(step: TraceStep, outcome: StepOutcome): readonly Difference[] {
  if (outcome.exception !== undefined) {
    return [{ what: 'exception', expected: 'none', got: outcome.exception, fields: [] }];
  }
  if (step.op === 'peek' || step.op === 'config') return bytes(step, 'data', step.data, outcome.data);
  if (!('errno' in step)) return [];
  const result = callResult(step, outcome);
  // Rule 7: how much was stored before the fault differs between architectures.
  if (step.errno === 'EFAULT') return result;
  if (step.op === 'poll') return [...result, ...plain('revents', step.revents, outcome.revents)];
  if (step.op === 'read') return [...result, ...bytes(step, 'out', step.out, outcome.out)];
  if (step.op !== 'ioctl' || !('arg' in step)) return result;
  const buffers = (step.bufs ?? []).flatMap((buffer, index) =>
    bytes(step, `bufs.${index}`, buffer.out === '=' ? buffer.in : buffer.out, outcome.bufs?.[index]),
  );
  return [...result, ...bytes(step, 'out', outcome.wanted ?? step.out, outcome.out), ...buffers];
}
