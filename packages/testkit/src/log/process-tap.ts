import { hex, type IoResult, type Machine, type Process } from '@ioasis/core';
import { isLeft } from 'fp-ts/lib/Either.js';
import { callSite } from './call-site.js';
import type { EventStream } from './event-stream.js';
import { intercept } from './intercept.js';
import { ioctlDetail, ioctlOf } from './ioctl-name.js';

/** Told of each process once it is made. */
export type ProcessListener = (process: Process) => void;

/** Calls `started` for all processes of a machine that start from now on. */
export function tapProcesses(machine: Machine, started: ProcessListener): void {
  intercept(machine, 'spawn', (spawn) => (options) => begin(spawn(options), started));
}

function begin(process: Process, started: ProcessListener): Process {
  started(process);
  intercept(process, 'fork', (fork) => () => {
    const child = fork();
    if (!isLeft(child)) begin(child.right, started);
    return child;
  });
  return process;
}

/** Puts the ioctls and closes of a process into a stream, with the place in the program that made them. */
export function tapCalls(process: Process, stream: EventStream): void {
  intercept(process, 'ioctl', (ioctl) => (fd, request, argument) => {
    const definition = ioctlOf(process.fileOf(fd)?.kind ?? '', request >>> 0);
    const name = definition?.name ?? `ioctl ${hex(BigInt(request >>> 0))}`;
    const detail = ioctlDetail(definition, process, argument);
    const made = { name, detail, site: callSite(), by: 'program' } as const;
    return stream.run(made, () => ioctl(fd, request, argument), outcomeOf);
  });
  intercept(process, 'close', (close) => (fd) => {
    const detail = `fd ${fd} (${process.fileOf(fd)?.kind ?? 'closed'})`;
    return stream.run({ name: 'close', detail, site: callSite(), by: 'program' }, () => close(fd), outcomeOf);
  });
  intercept(process, 'exit', (exit) => () => stream.run({ name: 'exit', site: callSite(), by: 'program' }, exit));
}

const outcomeOf = (result: IoResult<number>): string | undefined =>
  isLeft(result) ? `${result.left.errno} ${result.left.code}` : undefined;
