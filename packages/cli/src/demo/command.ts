import { Command, Option } from 'commander';
import { ExitStatus } from '../exit-status.js';
import type { Terminal } from '../terminal.js';
import { PrintedPages } from './pages.js';
import { protagonists } from './protagonists.js';
import { RecordedPages } from './recorded-pages.js';
import { replayRecording } from './replay-recording.js';
import { tellStory } from './story.js';

interface DemoCommandOptions {
  readonly backend: string;
  readonly json?: boolean;
}

function demo(terminal: Terminal, { backend, json }: DemoCommandOptions): ExitStatus {
  const protagonist = protagonists[backend];
  if (protagonist === undefined) throw new Error(`no story of ${backend}`);
  const recorded = new RecordedPages();
  const pages = json ? recorded : new PrintedPages(terminal);
  tellStory(pages, protagonist);
  const replayed = replayRecording(pages, protagonist.recording);
  const agree = replayed === undefined || replayed.agreed === replayed.compared;
  if (json) {
    const { heading, chapters } = recorded;
    terminal.out(
      `${JSON.stringify({ backend, title: heading, agree, recording: replayed, chapters }, undefined, 2)}\n`,
    );
  }
  return agree ? ExitStatus.AGREES : ExitStatus.DIFFERS;
}

/** `ioasis demo`. `finish` receives the exit status. */
export function demoCommand(terminal: Terminal, finish: (status: ExitStatus) => void): Command {
  const ids = Object.keys(protagonists);
  return new Command('demo')
    .description('show a device doing DMA through an IOMMU, a fault, and a recording that replays')
    .addOption(new Option('--backend <id>', 'which IOMMU').choices(ids).default(ids[0]))
    .option('--json', 'print the story as JSON')
    .addHelpText(
      'after',
      `
Exit status: 0 everything went as it should, 1 the recording does not agree, 2 an argument cannot be used.

Examples:
  ioasis demo
  ioasis demo --backend arm-smmuv3
  ioasis demo --json`,
    )
    .action((options: DemoCommandOptions) => finish(demo(terminal, options)));
}
