import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ioasis } from './captured.js';

describe('ioasis', () => {
  it('prints its version', async () => {
    const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    expect(await ioasis('--version')).toEqual({ status: 0, out: `${manifest.version}\n`, err: '' });
  });

  it('prints help with examples and exit statuses', async () => {
    const main = await ioasis('--help');
    expect(main).toMatchObject({ status: 0, err: '' });
    for (const command of ['demo', 'replay', 'scenario']) expect(main.out).toContain(`  ${command} `);
    for (const command of ['replay', 'scenario']) {
      const { status, out } = await ioasis(command, '--help');
      expect(status).toBe(0);
      expect(out).toContain('Exit status: 0');
      expect(out).toContain(`Examples:\n  ioasis ${command} `);
    }
  });

  it('says how to use it when nothing is asked, and fails', async () => {
    const { status, out, err } = await ioasis();
    expect(status).toBe(2);
    expect(out + err).toContain('Usage: ioasis');
  });

  it.each([
    [['replai'], "ioasis: unknown command 'replai'; see ioasis --help\n"],
    [['replay'], "ioasis: missing required argument 'trace'; see ioasis replay --help\n"],
    [['replay', '--fast', 'x'], "ioasis: unknown option '--fast'; see ioasis replay --help\n"],
    [
      ['replay', '--machine', 'pdp11', 'x'],
      "ioasis: option '--machine <name>' argument 'pdp11' is invalid. Allowed choices are none, q35+vtd, q35+vtd48, q35+vtd-sm, q35+amd, virt+smmuv3; see ioasis replay --help\n",
    ],
    [
      ['replay', '--show', '-1', 'x'],
      "ioasis: option '--show <count>' argument '-1' is invalid. It must be a whole number; see ioasis replay --help\n",
    ],
    [
      ['scenario', '--caches', 'maybe', 'x'],
      "ioasis: option '--caches <state>' argument 'maybe' is invalid. Allowed choices are on, off; see ioasis scenario --help\n",
    ],
  ])('complains in one line: %j', async (args, complaint) => {
    expect(await ioasis(...args)).toEqual({ status: 2, out: '', err: complaint });
  });
});
