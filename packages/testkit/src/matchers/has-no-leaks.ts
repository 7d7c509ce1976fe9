import type { LeakReport } from '@ioasis/core';
import { assertVerdict, type Verdict } from './verdict.js';

/** Something that ends, such as a machine or a `TestMachine`; or the report that it gave. */
export type Closable =
  | LeakReport
  | {
      /** Ends the machine. @returns what is still held */
      close(): LeakReport;
    };

const names: Readonly<Record<Exclude<keyof LeakReport, 'objects'>, string>> = {
  userFrames: 'frames of programs',
  pins: 'pins of programs’ pages',
  lockedPages: 'pages counted as locked',
  chargedBytes: 'bytes charged to the memory cgroup',
  tableFrames: 'frames of page tables',
};

/** What is still held after every program ended, one line for each; empty when nothing is. A machine is closed by this. */
export function leaksOf(closable: Closable): readonly string[] {
  const report = 'close' in closable ? closable.close() : closable;
  return [
    ...(Object.keys(names) as (keyof typeof names)[])
      .filter((key) => report[key] !== 0)
      .map((key) => `${report[key]} ${names[key]}`),
    ...report.objects,
  ];
}

/** Whether {@link leaksOf} finds nothing. */
export function hasNoLeaks(closable: Closable): Verdict {
  const held = leaksOf(closable);
  return {
    pass: held.length === 0,
    subject: 'the machine',
    expectation: 'be free of leaks after its end',
    seen: () => (held.length === 0 ? 'it holds nothing' : `it holds\n${held.map((line) => `  ${line}`).join('\n')}`),
  };
}

/** @throws AssertionError that prints what is held */
export const assertNoLeaks = (closable: Closable): void => assertVerdict(hasNoLeaks(closable));
