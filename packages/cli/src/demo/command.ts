import { Command } from 'commander';
import { ExitStatus } from '../exit-status.js';
import type { Terminal } from '../terminal.js';
import { DemoPages } from './pages.js';
import { replayRecording } from './replay-recording.js';
import { tellStory } from './story.js';

/** `ioasis demo`. `finish` receives the exit status. */
export function demoCommand(terminal: Terminal, finish: (status: ExitStatus) => void): Command {
  return new Command('demo')
    .description('show a device doing DMA through Intel VT-d, a fault, and a recording that replays')
    .addHelpText('after', '\nExit status: 0 everything went as it should, 1 the recording does not agree.')
    .action(() => {
      const pages = new DemoPages(terminal);
      tellStory(pages);
      finish(replayRecording(pages) ? ExitStatus.AGREES : ExitStatus.DIFFERS);
    });
}
