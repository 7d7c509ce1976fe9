import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { examples, has, machineWithEdu, missing, run } from './native.js';

const COMPILER = 'aarch64-linux-gnu-gcc';
const EMULATOR = 'qemu-aarch64';
const LIBRARIES = '/usr/aarch64-linux-gnu';
const native = resolve(import.meta.dirname, '../native');
const isMissing = missing !== undefined || process.arch !== 'x64' || !has(COMPILER) || !has(EMULATOR);
if (isMissing) console.warn(`skipped: arm64 is tried on x86-64 with ${COMPILER} and ${EMULATOR}`);

describe.skipIf(isMissing)('on arm64', () => {
  it('the preload library is built without a warning and serves an example', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ioasis-test-'));
    const strict = ['-Wall', '-Wextra', '-Werror', '-O2'];
    const sources = readdirSync(native).filter((name) => name.endsWith('.c'));
    const library = ['-shared', '-fPIC', ...strict, '-o', 'preload.so', ...sources.map((name) => join(native, name))];
    execFileSync(COMPILER, library, { cwd: folder });
    execFileSync(COMPILER, [...strict, '-o', 'example', join(examples, 'vfio-type1.c')], { cwd: folder });
    // The emulator is an x86-64 program that must stay as it is; what it emulates gets the library.
    const script = join(folder, 'emulate');
    const preload = `LD_PRELOAD=${join(folder, 'preload.so')}`;
    const command = `unset LD_PRELOAD\nexec ${EMULATOR} -L ${LIBRARIES} -E ${preload} ${join(folder, 'example')}\n`;
    writeFileSync(script, `#!/bin/sh\n${command}`, { mode: 0o755 });
    expect(await run(machineWithEdu(), script)).toMatchObject({
      out: '0000:00:01.0: 4096 bytes by DMA, 1 interrupt, nothing after unmap\n',
      status: 0,
    });
  });
});
