import { Buffer } from 'node:buffer';
import { Command } from 'commander';
import { isLeft } from 'fp-ts/lib/Either.js';
import { complain, ExitStatus } from '../exit-status.js';
import { readInput } from '../files.js';
import { unknownName } from '../nearest.js';
import { plural } from '../plural.js';
import type { Terminal } from '../terminal.js';
import type { Decoded } from './decoded.js';
import { decodeLog } from './log.js';
import { decodedJson, decodedLines } from './report.js';
import { structures } from './structures.js';
import { joinWords } from './words.js';

interface DecodeCommandOptions {
  readonly as?: string;
  readonly json?: boolean;
}

const HEX_WORD = /^(?:0x)?([0-9a-f]{1,16})$/i;

/** Why words cannot be decoded, and the way out. */
type Complaint = readonly [reason: string, wayOut: string];

const isComplaint = (answer: readonly Decoded[] | Complaint): answer is Complaint => typeof answer[0] === 'string';

/** Words as structures of one kind, one after the other. */
function decodeWords(name: string, texts: readonly string[]): readonly Decoded[] | Complaint {
  const structure = Object.hasOwn(structures, name) ? structures[name] : undefined;
  if (structure === undefined) return unknownName('structure', name, Object.keys(structures));
  const words = texts.map((text) => HEX_WORD.exec(text)?.[1]);
  const wrong = texts[words.indexOf(undefined)];
  if (words.length > 0 && wrong !== undefined) {
    return [`${wrong} is not a 64-bit word`, 'words are hexadecimal, 0x in front or not'];
  }
  const each = structure.bits / 64;
  if (words.length === 0 || words.length % each !== 0) {
    return [`${name} has ${plural(each, 'word')} of 64 bits and there are ${words.length}`, 'the lowest comes first'];
  }
  const values = words.map((word) => BigInt(`0x${word}`));
  return Array.from({ length: values.length / each }, (_, at) =>
    structure.decode(joinWords(values.slice(at * each, at * each + each))),
  );
}

/** The logs of files, or of standard input. */
function decodeFiles(files: readonly string[]): readonly Decoded[] | Complaint {
  const found: Decoded[] = [];
  for (const file of files.length === 0 ? ['-'] : files) {
    const bytes = readInput(file);
    if (isLeft(bytes)) {
      const wayOut = HEX_WORD.test(file) ? 'name the structure that the words are with --as' : '';
      return [bytes.left, wayOut];
    }
    found.push(...decodeLog(Buffer.from(bytes.right).toString('utf8')));
  }
  return found;
}

function decode(terminal: Terminal, inputs: readonly string[], options: DecodeCommandOptions): ExitStatus {
  const found = options.as === undefined ? decodeFiles(inputs) : decodeWords(options.as, inputs);
  if (isComplaint(found)) return complain(terminal, ...found);
  terminal.out(
    options.json
      ? `${JSON.stringify(decodedJson(found), undefined, 2)}\n`
      : found.length === 0
        ? 'no line is of an IOMMU\n'
        : decodedLines(terminal, found),
  );
  return found.length === 0 ? ExitStatus.DIFFERS : ExitStatus.AGREES;
}

/** `ioasis decode`. `finish` receives the exit status. */
export function decodeCommand(terminal: Terminal, finish: (status: ExitStatus) => void): Command {
  const known = Object.entries(structures).map(([name, { about }]) => `  ${name.padEnd(22)} ${about}`);
  return new Command('decode')
    .description('what a kernel log says of IOMMUs, or what is in the words of an entry, record or command')
    .argument('[input...]', 'log files, standard input unless given; with --as 64-bit words, the lowest first')
    .option('--as <structure>', 'what the words are')
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      `
Logs: DMAR faults of all kernels, INTR-REMAP, table dumps of DMAR_DEBUG; AMD-Vi events; SMMUv3 events, named or as raw words.

Structures:
${known.join('\n')}

Exit status: 0 decoded, 1 the log says nothing of IOMMUs, 2 an argument cannot be used.

Examples:
  ioasis decode dmesg.txt
  dmesg | ioasis decode
  ioasis decode --as context-entry 0x145d73001 0x201
  ioasis decode --as smmu-event 0xf800000010 0 0xfffff040 0`,
    )
    .action((inputs: string[], options: DecodeCommandOptions) => finish(decode(terminal, inputs, options)));
}
