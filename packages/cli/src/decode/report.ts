import { hex } from '@ioasis/core';
import { paint, type Terminal } from '../terminal.js';
import type { Decoded } from './decoded.js';

const fieldText = ([name, value]: readonly [string, bigint]): string => `${name}=${value < 10n ? value : hex(value)}`;

const WIDTH = 96;

/** Fields that are set, in lines of a readable width. */
function fieldLines(fields: readonly (readonly [string, bigint])[]): string[] {
  const lines: string[] = [''];
  for (const text of fields.filter(([, value]) => value !== 0n).map(fieldText)) {
    const last = lines.at(-1) ?? '';
    if (last.length + text.length < WIDTH) lines[lines.length - 1] = last === '' ? text : `${last} ${text}`;
    else lines.push(text);
  }
  return lines[0] === '' ? ['nothing is set'] : lines;
}

/** What was decoded, for a person. */
export function decodedLines(terminal: Terminal, found: readonly Decoded[]): string {
  const blocks = found.map(({ line, what, who, where, why, check, causes = [], fields, reserved }) => {
    const row = (name: string, text: string): string => `  ${name.padEnd(9)}${text}`;
    return [
      `${line === undefined ? '' : `line ${line}: `}${paint(terminal, 'bold', what)}`,
      ...(who === undefined ? [] : [row('who', who)]),
      ...(where === undefined ? [] : [row('where', where)]),
      ...(why === undefined ? [] : [row('why', why)]),
      ...(check === undefined ? [] : [row('check', check)]),
      ...causes.map((cause, at) => row(at === 0 ? 'likely' : '', cause)),
      ...(fields === undefined ? [] : fieldLines(fields).map((text, at) => row(at === 0 ? 'fields' : '', text))),
      ...(reserved === undefined
        ? []
        : [row('reserved', paint(terminal, 'red', `${hex(reserved)} is set and belongs to no field`))]),
    ].join('\n');
  });
  return `${blocks.join('\n\n')}\n`;
}

/** What was decoded, for a machine: fields as hex texts. */
export const decodedJson = (found: readonly Decoded[]): object =>
  found.map(({ fields, reserved, ...rest }) => ({
    ...rest,
    ...(fields && { fields: Object.fromEntries(fields.map(([name, value]) => [name, hex(value)])) }),
    ...(reserved === undefined ? {} : { reserved: hex(reserved) }),
  }));
