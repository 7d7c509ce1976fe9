#!/usr/bin/env node
import { complain } from './exit-status.js';
import { reasonOf } from './files.js';
import { runProgram } from './program.js';
import { processTerminal } from './terminal.js';

// The reader of a pipe may leave early (`ioasis replay ... | head`).
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(
    error.code === 'EPIPE' ? undefined : complain(processTerminal(process), `cannot write: ${reasonOf(error)}`),
  );
});
// Nobody is left to be told.
process.stderr.on('error', () => {});

process.exitCode = await runProgram(process.argv.slice(2), processTerminal(process));
