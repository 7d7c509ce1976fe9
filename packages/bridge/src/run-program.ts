import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Machine } from '@ioasis/core';
import { writeDeviceTree } from './device-tree.js';
import { failureKnobs } from './failure-knobs.js';
import { preloadLibrary } from './preload-library.js';
import { findProgram, whyNotFound, whyNotServed } from './program-file.js';
import { BridgeServer } from './server.js';
import type { ServerOptions } from './server-options.js';

/** What to run on a machine. */
export interface RunOptions extends ServerOptions {
  readonly machine: Machine;
  readonly command: string;
  readonly args: readonly string[];
  /** The program's standard streams; those of this process unless given. */
  readonly stdio?: 'inherit' | 'pipe';
  /** Environment of the program; that of this process unless given. */
  readonly env?: NodeJS.ProcessEnv;
  /** Told of the program once it runs. */
  readonly started?: (child: ChildProcess) => void;
}

const SIGNALS = ['SIGHUP', 'SIGINT', 'SIGTERM'] as const;
/** Exit status of a program that a signal ended, less the signal's number, as shells have it. */
const SIGNALLED = 128;

/**
 * Runs a program that finds the machine's files below /dev and /sys.
 * @returns its exit status; 128 and the signal's number when a signal ended it
 * @throws Error that says what is wrong, when the program cannot be run or not be served
 */
export async function runProgram(options: RunOptions): Promise<number> {
  const { machine, command, args, env = process.env } = options;
  const file = findProgram(command, env['PATH']);
  if (file === undefined) throw new Error(whyNotFound(command));
  const reason = whyNotServed(file);
  if (reason !== undefined) throw new Error(`${file} cannot be served: ${reason}`);
  const library = preloadLibrary();
  const folder = mkdtempSync(join(tmpdir(), 'ioasis-'));
  const sweeper = startSweeper(folder);
  const server = new BridgeServer(machine, options);
  try {
    mkdirSync(join(folder, 'tree'));
    writeDeviceTree(machine, join(folder, 'tree'), options.failures && failureKnobs());
    await server.listen(join(folder, 'socket'));
    const child = spawn(file, args, {
      argv0: command,
      stdio: options.stdio ?? 'inherit',
      env: {
        ...env,
        LD_PRELOAD: [library, ...(env['LD_PRELOAD'] === undefined ? [] : [env['LD_PRELOAD']])].join(':'),
        IOASIS_FOLDER: folder,
        IOASIS_TOKEN: server.token,
      },
    });
    options.started?.(child);
    return await exitStatus(child);
  } finally {
    server.close();
    rmSync(folder, { recursive: true, force: true });
    sweeper.stdin?.end();
  }
}

/** Removes the folder also when this process is killed: a shell that waits for the end of its input. */
function startSweeper(folder: string): ChildProcess {
  const script = 'cat >/dev/null; rm -rf -- "$0"';
  const sweeper = spawn('/bin/sh', ['-c', script, folder], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
  sweeper.unref();
  return sweeper;
}

/** Waits for the end; what this process is asked to do by signals, the program is asked. */
function exitStatus(child: ChildProcess): Promise<number> {
  const forward = SIGNALS.map((signal) => ({ signal, listener: (): void => void child.kill(signal) }));
  for (const { signal, listener } of forward) process.on(signal, listener);
  return new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      for (const each of forward) process.off(each.signal, each.listener);
      resolve(code ?? SIGNALLED + (signal === null ? 0 : constants.signals[signal]));
    });
  });
}
