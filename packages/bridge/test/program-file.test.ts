import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findProgram, whyNotServed } from '../src/index.js';
import { machineWithEdu, missing, run } from './native.js';

const onLinux = process.platform === 'linux';
const folder = mkdtempSync(join(tmpdir(), 'ioasis-test-'));
const shell = findProgram('sh') ?? '/bin/sh';
const isRoot = process.getuid?.() === 0;

/** A copy of the shell. */
const copy = (name: string): string => {
  copyFileSync(shell, join(folder, name));
  return join(folder, name);
};
const fixed = join(folder, 'fixed');
const linked = spawnSync('cc', ['-static', '-x', 'c', '-', '-o', fixed], { input: 'int main(void) { return 0; }' });
const narrow = join(folder, 'narrow');
const built32 = spawnSync('cc', ['-m32', '-x', 'c', '-', '-o', narrow], { input: 'int main(void) { return 0; }' });
const reasons: readonly (readonly [boolean, string])[] = [
  [linked.status !== 0, 'no static C library: a static program is not tried'],
  [built32.status !== 0, 'no 32-bit C library: a 32-bit program of the compiler is not tried'],
  [!isRoot, 'not root: a set-uid program is not tried'],
];
for (const [isMissing, reason] of reasons) if (isMissing) console.warn(`skipped: ${reason}`);

const STATIC = 'it is linked statically, so nothing can be loaded into it; link it dynamically';
const NARROW = 'it is a 32-bit program; build it for 64 bits';

describe.skipIf(!onLinux)('a program file', () => {
  it('is found as a shell finds it', () => {
    expect(findProgram('sh', `/nowhere:${folder}`)).toBeUndefined();
    const file = copy('copied');
    expect(findProgram('copied', `/nowhere:${folder}`)).toBe(file);
    expect(findProgram(folder)).toBeUndefined();
    chmodSync(file, 0o644);
    expect(findProgram('copied', folder)).toBeUndefined();
  });

  it.skipIf(missing !== undefined)('that cannot be run is refused with the reason', async () => {
    const plain = join(folder, 'plain');
    writeFileSync(plain, 'no program');
    const reasonOf = async (command: string): Promise<string> =>
      run(machineWithEdu(), command).then(
        () => 'ran',
        (error: Error) => error.message,
      );
    expect(await reasonOf(plain)).toBe(`${plain} may not be executed: its mode has no x`);
    expect(await reasonOf(folder)).toBe(`${folder} is no program but a folder or device`);
    expect(await reasonOf(join(folder, 'none'))).toBe(`there is no program ${folder}/none`);
    expect(await reasonOf('none-such')).toBe('there is no program none-such');
  });

  it('is served when the loader takes a library for it', () => {
    expect(whyNotServed(shell)).toBeUndefined();
    expect(whyNotServed('/nowhere')).toBeUndefined();
  });

  it('is not served when it has 32 bits', () => {
    const file = copy('class');
    const bytes = readFileSync(file);
    bytes[4] = 1;
    writeFileSync(file, bytes);
    expect(whyNotServed(file)).toBe(NARROW);
    if (built32.status === 0) expect(whyNotServed(narrow)).toBe(NARROW);
  });

  it.skipIf(linked.status !== 0 || missing !== undefined)(
    'is not served when it is static, which run says',
    async () => {
      expect(whyNotServed(fixed)).toBe(STATIC);
      await expect(run(machineWithEdu(), fixed)).rejects.toThrow(new Error(`${fixed} cannot be served: ${STATIC}`));
      const script = join(folder, 'script');
      writeFileSync(script, `#! ${fixed} -x\n`, { mode: 0o755 });
      expect(whyNotServed(script)).toBe(`its interpreter is ${fixed}: ${STATIC}`);
    },
  );

  it.skipIf(!isRoot)('is not served when it gets the rights of somebody else', () => {
    const file = copy('rights');
    chownSync(file, 1, 0);
    chmodSync(file, 0o4755);
    expect(whyNotServed(file)).toMatch(
      /^it runs as another user or group \(set-uid\), so the system loads nothing into it/,
    );
    chownSync(file, 0, 1);
    chmodSync(file, 0o2755);
    expect(whyNotServed(file)).toContain('set-uid');
    chownSync(file, 0, 0);
    chmodSync(file, 0o6755);
    expect(whyNotServed(file)).toBeUndefined();
  });

  it('may be a script of a program that is served', () => {
    const script = join(folder, 'good');
    writeFileSync(script, `#!${shell}\nexit 0\n`, { mode: 0o755 });
    expect(whyNotServed(script)).toBeUndefined();
  });
});
