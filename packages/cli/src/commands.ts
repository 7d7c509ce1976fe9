import type { Command } from 'commander';
import { backendsCommand } from './backends/command.js';
import { campaignCommand } from './campaign/command.js';
import { conformanceCommand } from './conformance/command.js';
import { decodeCommand } from './decode/command.js';
import { demoCommand } from './demo/command.js';
import type { ExitStatus } from './exit-status.js';
import { diffCommand } from './diff/command.js';
import { explainCommand } from './explain/command.js';
import { replayCommand } from './replay/command.js';
import { runCommand } from './run/command.js';
import { scenarioCommand } from './scenario/command.js';
import type { Terminal } from './terminal.js';
import { walkCommand } from './walk/command.js';

/** Makes one verb. `finish` receives its exit status. */
type CommandMaker = (terminal: Terminal, finish: (status: ExitStatus) => void) => Command;

/** The verbs, in the order of `ioasis --help`. */
export const commandMakers: readonly CommandMaker[] = [
  demoCommand,
  runCommand,
  replayCommand,
  scenarioCommand,
  diffCommand,
  walkCommand,
  decodeCommand,
  explainCommand,
  backendsCommand,
  conformanceCommand,
  campaignCommand,
];
