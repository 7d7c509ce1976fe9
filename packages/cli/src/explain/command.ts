import { refusalCatalogue, type CatalogueEntry } from '@ioasis/testkit';
import { Command } from 'commander';
import { complain, ExitStatus } from '../exit-status.js';
import { nearest } from '../nearest.js';
import { paint, type Terminal } from '../terminal.js';

interface ExplainCommandOptions {
  readonly json?: boolean;
}

/** Ioctls that a name or the end of one means: `IOAS_MAP` is IOMMU_IOAS_MAP, but not IOMMU_IOAS_MAP_FILE. */
function ioctlsNamed(wanted: string, catalogue: readonly CatalogueEntry[]): readonly string[] {
  const all = new Set(catalogue.flatMap(({ ioctls }) => ioctls));
  return [...all].filter((name) => name.toUpperCase() === wanted || name.endsWith(`_${wanted}`));
}

/** What the catalogue says of codes that every ioctl of a file can answer, by the beginning of the ioctls' names; read and write are no ioctls. */
const EVERY: readonly (readonly [prefix: string, where: string])[] = [
  ['IOMMU_', 'any ioctl of /dev/iommu'],
  ['VFIO_', 'any ioctl of a VFIO file'],
  ['VFIO_DEVICE_', 'any ioctl of a VFIO device'],
  ['IOMMU_', 'any ioctl'],
  ['VFIO_', 'any ioctl'],
];

/** Entries that one of some ioctls can answer: those that name it, then those of every ioctl. */
function answersOf(entries: readonly CatalogueEntry[], names: readonly string[]): readonly CatalogueEntry[] {
  const everywhere = EVERY.filter(([prefix]) => names.some((name) => name.startsWith(prefix))).map(
    ([, where]) => where,
  );
  const [own, general] = [names, everywhere].map((wanted) =>
    entries.filter(({ ioctls }) => ioctls.some((name) => wanted.includes(name))),
  );
  return [...new Set([...(own ?? []), ...(general ?? [])])];
}

function entryLines(
  terminal: Terminal,
  { code, errno, room, rule, hint, source, ioctls, rows }: CatalogueEntry,
): string[] {
  return [
    `${paint(terminal, 'bold', code)} (${paint(terminal, 'red', errno)}): ${rule}`,
    ...(hint === undefined ? [] : [`  way out  ${hint}`]),
    `  from     ${ioctls.join(', ') || room}`,
    `  source   ${source}`,
    ...(rows.length === 0
      ? []
      : [`  differs  type1 against iommufd, row ${rows.join(', ')} of docs/vfio-differences.md`]),
  ];
}

function explain(
  terminal: Terminal,
  question: string,
  ioctl: string | undefined,
  options: ExplainCommandOptions,
): ExitStatus {
  const catalogue = refusalCatalogue();
  const wanted = question.toUpperCase();
  const meant = catalogue.filter(({ code, errno }) => code === wanted || errno === wanted);
  if (meant.length === 0) {
    const known = [...new Set(catalogue.flatMap(({ code, errno }) => [code, errno]))];
    const close = nearest(question, known);
    const wayOut = close.length === 0 ? 'docs/refusals.md has them all' : `did you mean ${close.join(', ')}?`;
    return complain(terminal, `there is neither a code nor an errno ${question}`, wayOut);
  }
  const names = ioctl === undefined ? [] : ioctlsNamed(ioctl.toUpperCase(), catalogue);
  if (ioctl !== undefined && names.length === 0) {
    const calls = [...new Set(catalogue.flatMap(({ ioctls }) => ioctls))].filter((name) => !name.includes(' '));
    const close = nearest(
      ioctl,
      calls.flatMap((name) => [name.replace(/^(?:IOMMU|VFIO)_/, ''), name]),
    );
    const wayOut = close.length === 0 ? 'docs/refusals.md has them all' : `did you mean ${close.join(', ')}?`;
    return complain(terminal, `there is no call ${ioctl} that is refused`, wayOut);
  }
  const found = ioctl === undefined ? meant : answersOf(meant, names);
  if (found.length === 0) {
    const callers = [...new Set(meant.flatMap(({ ioctls }) => ioctls))];
    const close = nearest(ioctl ?? '', callers);
    return complain(
      terminal,
      `${ioctl} does not answer ${wanted}`,
      `${(close.length > 0 ? close : callers).join(', ')} can`,
    );
  }
  terminal.out(
    options.json
      ? `${JSON.stringify(found, undefined, 2)}\n`
      : `${found.map((entry) => entryLines(terminal, entry).join('\n')).join('\n\n')}\n`,
  );
  return ExitStatus.AGREES;
}

/** `ioasis explain`. `finish` receives the exit status. */
export function explainCommand(terminal: Terminal, finish: (status: ExitStatus) => void): Command {
  return new Command('explain')
    .description('the rules behind an errno or a refusal code')
    .argument('<code|errno>', 'MAP_IOVA_RESERVED, EINVAL')
    .argument('[ioctl]', 'only what this call answers: IOMMU_IOAS_MAP, or IOAS_MAP')
    .option('--json', 'print the rules as JSON')
    .addHelpText(
      'after',
      `
Exit status: 0 explained, 2 there is no such code, errno or ioctl.

Examples:
  ioasis explain MAP_IOVA_RESERVED
  ioasis explain EINVAL IOMMU_IOAS_MAP
  ioasis explain EEXIST VFIO_IOMMU_MAP_DMA --json`,
    )
    .action((question: string, ioctl: string | undefined, options: ExplainCommandOptions) =>
      finish(explain(terminal, question, ioctl, options)),
    );
}
