import { Command, Option } from 'commander';
import { isLeft } from 'fp-ts/lib/Either.js';
import {
  deviations,
  generators,
  missingQemu,
  playOnBoth,
  type CampaignDifference,
  type Scenario,
  type ScenarioUnit,
  type UnitName,
} from '@ioasis/testkit';
import { wholeNumber } from '../arguments.js';
import { complain, ExitStatus } from '../exit-status.js';
import { Progress } from '../progress.js';
import { makeUnit } from '../scenario/units.js';
import type { Terminal } from '../terminal.js';

const unitNames = Object.keys(generators) as readonly UnitName[];

interface CampaignOptions {
  readonly count: number;
  readonly from: number;
  readonly unit?: UnitName;
  readonly show: number;
}

function unitOf(scenario: Scenario, caches: boolean): ScenarioUnit {
  const unit = makeUnit(scenario, caches);
  if (isLeft(unit)) throw new Error(unit.left);
  return unit.right;
}

const described = ({ scenario, step, caches, ours, theirs }: CampaignDifference): string =>
  [
    `${scenario.unit} ${scenario.id} step ${step}, caches ${caches ? 'on' : 'off'}: ${JSON.stringify(scenario.steps[step])}`,
    `  ioasis ${JSON.stringify(ours)}`,
    `  QEMU   ${JSON.stringify(theirs)}\n`,
  ].join('\n');

/** @returns how many differences no known deviation explains */
async function play(terminal: Terminal, unit: UnitName, options: CampaignOptions): Promise<number> {
  const explained = new Map<string, number>();
  const progress = new Progress(terminal, `${unit}, scenarios`, 1);
  let compared = 0;
  let unexplained = 0;
  for (let seed = options.from; seed < options.from + options.count; seed++) {
    const verdict = await playOnBoth(generators[unit](seed), unitOf, deviations[unit]);
    progress.advance();
    compared += verdict.compared;
    for (const [rule, times] of verdict.explained) explained.set(rule, (explained.get(rule) ?? 0) + times);
    for (const difference of verdict.unexplained) {
      if (unexplained++ < options.show) terminal.out(described(difference));
    }
  }
  progress.end();
  terminal.out(`${unit}: ${options.count} scenarios, ${compared} answers agree, ${unexplained} differ unexplained\n`);
  for (const [rule, times] of explained) terminal.out(`  ${times} x ${rule}\n`);
  return unexplained;
}

async function campaign(terminal: Terminal, options: CampaignOptions): Promise<ExitStatus> {
  try {
    let unexplained = 0;
    for (const unit of options.unit === undefined ? unitNames : [options.unit]) {
      unexplained += await play(terminal, unit, options);
    }
    return unexplained === 0 ? ExitStatus.AGREES : ExitStatus.DIFFERS;
  } catch (error) {
    const missing = missingQemu(error);
    return missing === undefined
      ? complain(terminal, error instanceof Error ? error.message : String(error))
      : complain(terminal, `${missing} is not installed`, 'Debian has it in qemu-system-x86 and qemu-system-arm');
  }
}

/** `ioasis campaign`. `finish` receives the exit status. */
export function campaignCommand(terminal: Terminal, finish: (status: ExitStatus) => void): Command {
  return new Command('campaign')
    .description('play generated scenarios on a live QEMU and on our units, and compare')
    .option('--count <number>', 'scenarios of each unit', wholeNumber, 1000)
    .option('--from <seed>', 'seed of the first one', wholeNumber, 1)
    .addOption(new Option('--unit <name>', 'only this unit').choices(unitNames))
    .option('--show <count>', 'how many differences to print of each unit', wholeNumber, 5)
    .addHelpText(
      'after',
      `
Exit status: 0 every difference is a known deviation of QEMU, 1 some are not, 2 QEMU or an argument cannot be used.

Examples:
  ioasis campaign --count 100
  ioasis campaign --unit smmuv3 --from 5000`,
    )
    .action(async (options: CampaignOptions) => finish(await campaign(terminal, options)));
}
