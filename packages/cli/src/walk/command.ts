import { Access, hex, NO_PASID } from '@ioasis/core';
import { Command, Option } from 'commander';
import { isLeft } from 'fp-ts/lib/Either.js';
import { addressWidth, hexNumber, pasidNumber, requester, wholeNumber } from '../arguments.js';
import { requesterText } from '../decode/decoded.js';
import { complain, ExitStatus } from '../exit-status.js';
import { Progress } from '../progress.js';
import type { Terminal } from '../terminal.js';
import { bareUnits } from './bare-units.js';
import type { Image } from './image.js';
import { StructureReader } from './leaves.js';
import { loadImage, type ImageChoice } from './load-image.js';
import {
  differingLines,
  structureJson,
  structureLines,
  walkJson,
  walkText,
  type RequesterStructure,
} from './report.js';

interface WalkCommandOptions extends ImageChoice {
  readonly device?: number;
  readonly pasid?: number;
  readonly write?: boolean;
  readonly all?: boolean;
  readonly diff?: string;
  readonly json?: boolean;
}

const REQUESTERS = 0x1_0000;

/** The structures of one requester, of those that an image names, or of all that are served. */
function structuresOf(
  terminal: Terminal,
  { unit, requesters }: Image,
  { device, pasid = NO_PASID }: WalkCommandOptions,
): RequesterStructure[] {
  const progress = new Progress(terminal, 'walks');
  const everyone = Array.from({ length: REQUESTERS }, (_, id) => ({ id, name: undefined }));
  const asked = requesters.length > 0 ? requesters : everyone;
  const chosen =
    device === undefined ? asked : [asked.find(({ id }) => id === device) ?? { id: device, name: undefined }];
  const found = chosen.flatMap(({ id, name }) => {
    const reader = new StructureReader(unit, id, pasid, () => progress.advance());
    return device === undefined && !reader.isServed() ? [] : [{ id, name, structure: reader.read() }];
  });
  progress.end();
  return found;
}

function printAll(terminal: Terminal, image: Image, options: WalkCommandOptions): ExitStatus {
  const all = structuresOf(terminal, image, options);
  if (options.diff === undefined) {
    const text = options.json ? JSON.stringify(structureJson(all), undefined, 2) : structureLines(all).join('\n');
    terminal.out(all.length === 0 && !options.json ? 'no requester is served\n' : `${text}\n`);
    return ExitStatus.AGREES;
  }
  const other = loadImage(options.diff, options);
  if (isLeft(other)) return complain(terminal, other.left);
  const lines = differingLines(all, structuresOf(terminal, other.right, options));
  terminal.out(
    options.json
      ? `${JSON.stringify(lines, undefined, 2)}\n`
      : `${[...lines, ...(lines.length === 0 ? ['the same'] : [])].join('\n')}\n`,
  );
  return lines.length === 0 ? ExitStatus.AGREES : ExitStatus.DIFFERS;
}

function walk(terminal: Terminal, file: string, iova: bigint | undefined, options: WalkCommandOptions): ExitStatus {
  const image = loadImage(file, options);
  if (isLeft(image)) return complain(terminal, image.left);
  if (options.all || options.diff !== undefined) return printAll(terminal, image.right, options);
  const { unit, requesters } = image.right;
  const device = options.device ?? (requesters.length === 1 ? requesters[0]?.id : undefined);
  if (iova === undefined) return complain(terminal, 'there is no IOVA to walk', 'give one, or --all for everything');
  if (device === undefined) {
    const known = requesters.map(({ id, name }) => `${hex(id)} ${name}`).join(', ');
    return complain(terminal, 'whose IOVA is it?', `give --device${known === '' ? '' : `: ${known}`}`);
  }
  const access = options.write ? Access.WRITE : Access.READ;
  const found = unit.explain(device, options.pasid ?? NO_PASID, iova, access);
  const title = `${options.write ? 'write' : 'read'} of ${hex(iova)} by ${requesterText(device)}`;
  terminal.out(options.json ? `${JSON.stringify(walkJson(found), undefined, 2)}\n` : walkText(terminal, found, title));
  return found.pa === undefined ? ExitStatus.DIFFERS : ExitStatus.AGREES;
}

/** `ioasis walk`. `finish` receives the exit status. */
export function walkCommand(terminal: Terminal, finish: (status: ExitStatus) => void): Command {
  return new Command('walk')
    .description('walk tables in a memory image, level by level, or print all that they map')
    .argument('<image>', 'a table snapshot (.json), a trace (.jsonl), or a raw dump with --base; plain or gzip')
    .argument('[iova]', 'the address, hexadecimal', hexNumber)
    .option('--device <id>', 'the requester: 00:02.0, or a StreamID such as 0x10', requester)
    .option('--pasid <number>', 'a request with this PASID or SubstreamID', pasidNumber)
    .option('--write', 'walk for a write, not a read')
    .option('--all', 'print the whole translation structure, of one device or of all')
    .option('--diff <image>', 'print what the structure of another image has otherwise')
    .option('--scenario <text>', 'of a trace: the scenario with this text in its name, instead of the first')
    .option('--step <seq>', 'of a trace: after this step, instead of at the end', wholeNumber)
    .option('--base <address>', 'the file is raw memory that begins at this physical address', hexNumber)
    .addOption(new Option('--unit <vendor>', 'of a raw dump: whose tables').choices(Object.keys(bareUnits)))
    .option('--root <value>', 'of a raw dump: RTADDR_REG, Device Table Base Address or SMMU_STRTAB_BASE', hexNumber)
    .option('--root-configuration <value>', 'of a raw dump: SMMU_STRTAB_BASE_CFG', hexNumber)
    .option('--width <bits>', 'of VT-d: bits of a physical address, where the image does not tell', addressWidth)
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      `
Exit status: 0 the address translates, the structure is printed, or the two are the same; 1 it faults, or they differ; 2 a file or an
argument cannot be used.

Examples:
  ioasis walk fixtures/linux-tables/vtd-linux-6.12-aw39.json.gz 0xfffff000 --device 00:02.0
  ioasis walk --all recording.jsonl --scenario dev/group --step 40
  ioasis walk --base 0x100000 --unit intel-vtd --width 46 --root 0x101000 --device 00:02.0 dump.bin 0x1000
  ioasis walk before.json --diff after.json`,
    )
    .action((file: string, iova: bigint | undefined, options: WalkCommandOptions) =>
      finish(walk(terminal, file, iova, options)),
    );
}
