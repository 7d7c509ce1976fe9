import { hex, type IoResult, type Process, type ProcessFamily } from '@ioasis/core';
import { isLeft } from 'fp-ts/lib/Either.js';
import { callSite } from './call-site.js';
import type { EventStream } from './event-stream.js';
import { intercept } from './intercept.js';
import { ioctlDetail, ioctlOf } from './ioctl-name.js';

/** Puts the ioctls and closes of all processes that start from now on into a stream, with the place in the program that made them. */
export function tapProcesses(family: ProcessFamily, stream: EventStream): void {
  intercept(family, 'admit', (admit) => (process) => {
    tapProcess(process, stream);
    return admit(process);
  });
}

function tapProcess(process: Process, stream: EventStream): void {
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
