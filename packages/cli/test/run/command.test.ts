import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { compiler } from '@ioasis/bridge';
import { describe, expect, it } from 'vitest';
import { ioasis } from '../captured.js';

const isServed = process.platform === 'linux' && compiler() !== undefined;
if (!isServed) console.warn('skipped: ioasis run needs Linux and a C compiler');

const NATIVE = resolve(import.meta.dirname, '../../../../examples/native');

describe('ioasis run', () => {
  it('says what cannot be run', async () => {
    expect(await ioasis('run', '--', '/nowhere/program')).toMatchObject({
      status: 2,
      err: 'ioasis: there is no program /nowhere/program\n',
    });
    expect(await ioasis('run', '--backend', 'amd-vi', '--preset', 'i486', '--', 'true')).toMatchObject({
      status: 2,
      err: expect.stringMatching(/^ioasis: amd-vi has no preset i486; it has .+\n$/),
    });
    expect((await ioasis('run', '--device', 'vga', '--', 'true')).err).toContain('Allowed choices are edu, ring, none');
    expect(await ioasis('run', '--device', 'ring', '--trace', '/nowhere/trace', '--', 'true')).toMatchObject({
      status: 2,
      err: 'ioasis: a trace is of one edu device, because ioasis replay has no other\n',
    });
    const many = Array.from({ length: 32 }, () => ['--device', 'edu']).flat();
    expect((await ioasis('run', ...many, '--', 'true')).err).toBe('ioasis: there is room for 31 devices\n');
    expect((await ioasis('run', '--fail-nth', '0', '--', 'true')).err).toContain(
      'It must be a whole number from 1 on;',
    );
  });

  it('sees before the program runs that its trace cannot be written, and that it is a folder', async () => {
    expect(await ioasis('run', '--trace', '/nowhere/trace', '--', 'true')).toEqual({
      status: 2,
      out: '',
      err: 'ioasis: cannot write /nowhere/trace: there is no such file\n',
    });
    expect(await ioasis('run', '--', tmpdir())).toMatchObject({
      status: 2,
      err: `ioasis: ${tmpdir()} is no program but a folder or device\n`,
    });
  });

  it.skipIf(!isServed)("ends with the program's status", async () => {
    expect(await ioasis('run', '--', 'sh', '-c', 'exit 7')).toEqual({ status: 7, out: '', err: '' });
    expect(await ioasis('run', '--', 'sh', '-c', 'kill -9 $$')).toMatchObject({ status: 137 });
  });

  it.skipIf(!isServed)('plugs devices in, each in a group of its own', async () => {
    const isThere = (slot: number, id: string, group: number): string =>
      `[ $(cat $D/0000:00:0${slot}.0/device) = ${id} ] && [ -c /dev/vfio/${group} ]`;
    const both = `D=/sys/bus/pci/devices; ${isThere(1, '0x5249', 1)} && ${isThere(2, '0x11e8', 2)} && exit 9`;
    expect(await ioasis('run', '--device', 'ring', '--device', 'edu', '--', 'sh', '-c', both)).toMatchObject({
      status: 9,
    });
    expect(await ioasis('run', '--device', 'none', '--', 'ls', '/dev/vfio/1')).toMatchObject({ status: 2, err: '' });
  });

  it.skipIf(!isServed)('explains refused calls', async () => {
    const asked = ['--', 'sh', '-c', '(exec 3<>/dev/vfio/9) 2>/dev/null || exit 5'];
    const { status, err } = await ioasis('run', '--explain', ...asked);
    expect(status).toBe(5);
    expect(err).toMatch(/^ioasis: \d+ open\("\/dev\/vfio\/9"\): ENOENT PATH_UNKNOWN: /);
  });

  it.skipIf(!isServed)(
    'writes a trace that replay takes, fails on demand, and reports what checkers find',
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'ioasis-test-'));
      const trace = join(folder, 'trace.jsonl');
      for (const name of ['iommufd-cdev', 'vfio-type1']) {
        execFileSync('cc', ['-o', join(folder, name), join(NATIVE, `${name}.c`)]);
      }
      expect(await ioasis('run', '--trace', trace, '--', join(folder, 'iommufd-cdev'))).toMatchObject({ status: 0 });
      expect(await ioasis('replay', trace)).toMatchObject({ status: 0, out: expect.stringContaining('all agree') });
      const failed = await ioasis('run', '--fail-nth', '3', '--explain', '--', join(folder, 'iommufd-cdev'));
      expect(failed).toMatchObject({ status: 1, err: expect.stringMatching(/^ioasis: \d+ ioctl.*: (EFAULT|ENOMEM) /) });
      // The program asks the device for one transfer too many on purpose.
      const checked = await ioasis('run', '--check', '--', join(folder, 'vfio-type1'));
      expect(checked).toMatchObject({ status: 1, err: expect.stringContaining('use after unmap') });
    },
  );
});
