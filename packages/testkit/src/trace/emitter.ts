import type { StepOf, TraceStep } from './format.js';
import type { StepOutcome } from './outcome.js';

type Line = Readonly<Record<string, unknown>>;

/** Replaces the values of keys in their place; undefined removes a key, a new key goes right before `before`. */
function replaced(step: TraceStep, values: Readonly<Record<string, unknown>>, before = 'ret'): Line {
  const line: Record<string, unknown> = {};
  const added = Object.entries(values).filter(([key, value]) => !(key in step) && value !== undefined);
  for (const [key, value] of Object.entries(step)) {
    if (key === before) for (const [name, extra] of added) line[name] = extra;
    const own = key in values ? values[key] : value;
    if (own !== undefined) line[key] = own;
  }
  if (!(before in step)) for (const [name, extra] of added) line[name] = extra;
  return line;
}

const result = (outcome: StepOutcome): Line => ({ ret: outcome.ret, errno: outcome.errno ?? null });
const orSame = (bytes: string | undefined, before: string): string | undefined => (bytes === before ? '=' : bytes);

function emitIoctl(step: StepOf<'ioctl'>, outcome: StepOutcome): Line {
  const call = { ...result(outcome), newfd: outcome.newfd };
  // Rule 7: what a faulting call left in memory is not part of its outcome.
  if (!('arg' in step) || (step.errno === 'EFAULT' && outcome.errno === 'EFAULT')) return replaced(step, call, '');
  const bufs = step.bufs?.map((buffer, index) => ({ ...buffer, out: orSame(outcome.bufs?.[index], buffer.in) }));
  const sent = outcome.sent ?? step.in;
  const bytes = { in: sent, out: orSame(outcome.out, sent), ...(bufs === undefined ? {} : { bufs }) };
  return replaced(step, { ...call, ...bytes }, '');
}

function emitted(step: TraceStep, outcome: StepOutcome): Line {
  switch (step.op) {
    case 'open':
      return replaced(step, { ...result(outcome), fdnum: outcome.fdnum });
    case 'ioctl':
      return emitIoctl(step, outcome);
    case 'read':
      return replaced(step, { ...result(outcome), out: step.errno === 'EFAULT' ? step.out : outcome.out });
    case 'poll':
      return replaced(step, { ...result(outcome), revents: outcome.revents });
    case 'peek':
    case 'config':
      return replaced(step, { data: outcome.data });
    case 'close':
    case 'mmap':
    case 'munmap':
    case 'mprotect':
    case 'write':
    case 'rlimit':
    case 'caps':
      return replaced(step, result(outcome));
    default:
      return step as unknown as Line;
  }
}

/** A step as it would have been recorded here: our outcome in place of the recorded one. Keys keep their order. */
export const recordedHere = (step: TraceStep, outcome: StepOutcome): TraceStep =>
  emitted(step, outcome) as unknown as TraceStep;

/** Line of a trace with our outcome in place of the recorded one, without its line end. */
export const emitStep = (step: TraceStep, outcome: StepOutcome): string => JSON.stringify(emitted(step, outcome));
