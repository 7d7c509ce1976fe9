import { Command, Option } from 'commander';
import { ExitStatus } from '../exit-status.js';
import type { Terminal } from '../terminal.js';
import { DemoPages } from './pages.js';
import { protagonists } from './protagonists.js';
import { replayRecording } from './replay-recording.js';
import { tellStory } from './story.js';

/** `ioasis demo`. `finish` receives the exit status. */
export function demoCommand(terminal: Terminal, finish: (status: ExitStatus) => void): Command {
  const ids = Object.keys(protagonists);
  return new Command('demo')
    .description('show a device doing DMA through an IOMMU, a fault, and a recording that replays')
    .addOption(new Option('--backend <id>', 'which IOMMU').choices(ids).default(ids[0]))
    .addHelpText(
      'after',
      `
Exit status: 0 everything went as it should, 1 the recording does not agree, 2 an argument cannot be used.

Examples:
  ioasis demo
  ioasis demo --backend arm-smmuv3`,
    )
    .action(({ backend }: { readonly backend: string }) => {
      const protagonist = protagonists[backend];
      if (protagonist === undefined) throw new Error(`no story of ${backend}`);
      const pages = new DemoPages(terminal);
      tellStory(pages, protagonist);
      finish(replayRecording(pages, protagonist.recording) ? ExitStatus.AGREES : ExitStatus.DIFFERS);
    });
}
