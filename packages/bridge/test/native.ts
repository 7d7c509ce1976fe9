import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { vfio, type Personality } from '@ioasis/compat-vfio';
import { createMachine, type FailureSource, type Machine } from '@ioasis/core';
import { intelVtd } from '@ioasis/hw-intel-vtd';
import { EduDevice } from '@ioasis/testkit';
import { compiler, runProgram, type RunOptions } from '../src/index.js';

/** Where the example programs are. */
export const examples: string = resolve(import.meta.dirname, '../../../examples/native');

/** What small programs of tests begin with: headers, and three calls of iommufd. */
export const PROGRAM_HEAD: string = `
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
struct alloc { uint32_t size, flags, id; };
struct map { uint32_t size, flags, ioas, reserved; uint64_t va, length, iova; };
struct unmap { uint32_t size, ioas; uint64_t iova, length; };
static inline int alloc(int fd) { struct alloc a = {.size = sizeof(a)}; return ioctl(fd, _IO(';', 0x81), &a) ? -errno : (int)a.id; }
static inline int map(int fd, int ioas, void *va, uint64_t length, uint64_t iova)
{ struct map m = {sizeof(m), 7, (uint32_t)ioas, 0, (uintptr_t)va, length, iova}; return ioctl(fd, _IO(';', 0x85), &m) ? -errno : 0; }
static inline int unmap(int fd, int ioas, uint64_t iova, uint64_t length)
{ struct unmap m = {sizeof(m), (uint32_t)ioas, iova, length}; return ioctl(fd, _IO(';', 0x86), &m) ? -errno : 0; }
`;

/** Why programs cannot be run here; undefined: they can. */
export const missing: string | undefined =
  process.platform !== 'linux'
    ? `bridge tests need Linux, this is ${process.platform}`
    : compiler() === undefined
      ? 'bridge tests need a C compiler, and there is none'
      : undefined;

const built = new Map<string, string>();

/** Compiles C, of a file of the examples or as text, with all warnings as errors. @returns the program */
export function compile(name: string, text?: string, flags: readonly string[] = []): string {
  const known = built.get(name);
  if (known !== undefined) return known;
  const program = join(mkdtempSync(join(tmpdir(), 'ioasis-test-')), name);
  const input = text === undefined ? [join(examples, `${name}.c`)] : ['-x', 'c', '-'];
  execFileSync('cc', ['-Wall', '-Wextra', '-Werror', '-I', examples, '-o', program, ...input, ...flags, '-lpthread'], {
    input: text ?? '',
  });
  built.set(name, program);
  return program;
}

/** Whether a program is installed. */
export const has = (program: string): boolean => spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0;

/** VT-d with the edu device in group 1. */
export const machineWithEdu = (personality: Personality = 'iommufd', failure?: FailureSource): Machine =>
  createMachine({
    backend: intelVtd({ preset: 'qemu-q35-39bit' }),
    devices: [{ function: new EduDevice(), address: '0000:00:01.0', group: 1 }],
    services: [vfio({ personality })],
    ...(failure && { failure }),
  });

/** What a program printed and how it ended. */
export interface Ran {
  readonly status: number;
  readonly out: string;
  readonly err: string;
  readonly refusals: readonly string[];
}

/** Runs a program on a machine and gathers what it prints. */
export async function run(
  machine: Machine,
  command: string,
  args: readonly string[] = [],
  more: Partial<RunOptions> = {},
): Promise<Ran> {
  let out = '';
  let err = '';
  const refusals: string[] = [];
  const status = await runProgram({
    machine,
    command,
    args,
    stdio: 'pipe',
    refused: (_, call, refusal) => refusals.push(`${call.replace(/\(.*/s, '')} ${refusal.errno} ${refusal.code}`),
    ...more,
    started: (child) => {
      child.stdout?.on('data', (bytes: Uint8Array) => (out += String(bytes)));
      child.stderr?.on('data', (bytes: Uint8Array) => (err += String(bytes)));
      more.started?.(child);
    },
  });
  return { status, out, err, refusals };
}
