import { isLeft } from 'fp-ts/lib/Either.js';
import { readTrace, replayTrace } from '@ioasis/testkit';
import { readInput } from '../files.js';
import { plural } from '../plural.js';
import { replayMachine } from '../replay/machines.js';
import type { DemoPages } from './pages.js';
import { recordingPath } from './recording.js';

/** What became of the recording. */
interface ReplayedRecording {
  readonly file: string;
  readonly machine: string;
  readonly kernel: string;
  readonly scenarios: number;
  readonly compared: number;
  readonly agreed: number;
}

/** Replays a committed recording and says how much agrees. @returns undefined when this installation does not have it */
export function replayRecording(pages: DemoPages, name: string): ReplayedRecording | undefined {
  pages.chapter('The same calls, recorded on a real kernel');
  const path = recordingPath(name);
  const bytes = readInput(path ?? name);
  if (isLeft(bytes)) {
    pages.text('This installation comes without recordings; a checkout has them in fixtures/.');
    return undefined;
  }
  const trace = readTrace(name, bytes.right);
  if (isLeft(trace)) throw new Error(`${name}:${trace.left.line}: ${trace.left.reason}`);
  const { header } = trace.right;
  const machine = replayMachine(header, {});
  if (isLeft(machine)) throw new Error(machine.left);
  const { scenarios, compared, agreed } = replayTrace(trace.right, machine.right.make);
  pages.text(name);
  pages.text(
    `Linux ${header.kernel} on ${header.machine}: ${plural(scenarios, 'scenario')}, ${plural(compared, 'step')} with a result.`,
  );
  const agrees = agreed === compared;
  pages.loud(agrees ? `All ${agreed} steps agree.` : `${agreed} of ${compared} steps agree.`, agrees ? 'green' : 'red');
  pages.text('Replay it yourself: ioasis replay FILE');
  return { file: name, machine: header.machine, kernel: header.kernel, scenarios, compared, agreed };
}
