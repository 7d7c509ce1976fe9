import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ioasis } from '../captured.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ioasis-scenario-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const dma = { op: 'dma', rid: '0x8', iova: '0x1000', len: 4, dir: 'read' };
/** A VT-d unit from reset lets everything through. */
const PASSING = {
  id: 'reset',
  unit: 'vtd',
  class: 'settled',
  config: { aw_bits: 39 },
  steps: [{ op: 'mem', addr: '0x1000', hex: '01020304' }, dma, { op: 'mmio-read', off: '0x8', size: 8 }],
  expect: [
    {
      step: 1,
      status: 'ok',
      segments: [{ iova: '0x1000', len: 4, pa: '0x1000' }],
      data: '01020304',
      compare: 'strict',
    },
    { step: 2, value: '0xd2008c22260206', compare: 'strict' },
  ],
};

function file(name: string, ...scenarios: readonly object[]): string {
  const path = join(folder, name);
  writeFileSync(
    path,
    [{ header: 1, format: 'iommu-scenario/1', unit: 'vtd' }, ...scenarios]
      .map((line) => `${JSON.stringify(line)}\n`)
      .join(''),
  );
  return path;
}
const wrong = {
  ...PASSING,
  id: 'wrong',
  expect: [
    { ...PASSING.expect[0], data: '00000000' },
    { ...PASSING.expect[1], value: '0x1' },
  ],
};

describe('ioasis scenario', () => {
  it('counts what agrees', async () => {
    const path = file('good.jsonl', PASSING, { ...PASSING, id: 'odd', class: 'quirk' });
    for (const caches of ['on', 'off']) {
      expect(await ioasis('scenario', '--caches', caches, path)).toEqual({
        status: 0,
        out: `${path}\n  caches ${caches}: 2 scenarios, 1 with nothing to compare\n  2 answers compared, all agree\n`,
        err: '',
      });
    }
  });

  it('shows what differs and fails', async () => {
    const { status, out } = await ioasis('scenario', file('wrong.jsonl', PASSING, wrong));
    expect(status).toBe(1);
    expect(out).toContain(
      [
        '  4 answers compared, 2 answers in 1 scenario differ',
        '    wrong (settled) step 1: DMA read of 4 bytes at 0x1000 by 0x8',
        '      data',
        '        expected 00000000',
        '        got      01020304',
        '    wrong (settled) step 2: register at 0x8',
      ].join('\n'),
    );
    const json = await ioasis('scenario', '--json', '--show', '1', file('wrong.jsonl', PASSING, wrong));
    expect(JSON.parse(json.out)).toMatchObject({
      agree: false,
      files: [{ scenarios: 2, compared: 4, differing: 2, divergences: [{ scenario: 'wrong', step: 1 }] }],
    });
  });

  it('writes what happened here in the format of the input', async () => {
    const emitted = join(folder, 'emitted.jsonl');
    await ioasis('scenario', '--emit', emitted, file('in.jsonl', { ...wrong, id: 'reset' }));
    expect(readFileSync(emitted, 'utf8')).toBe(readFileSync(file('same.jsonl', PASSING), 'utf8'));
  });

  it('complains about what it cannot run', async () => {
    const complaint = async (...args: string[]): Promise<string> => (await ioasis('scenario', ...args)).err;
    expect(await complaint(file('a.jsonl', { ...PASSING, config: { aw_bits: 40 } }))).toContain(
      'reset: config.aw_bits must be 39 or 48; it is 40',
    );
    expect(await complaint(file('a.jsonl', { ...PASSING, expect: 1 }))).toMatch(/a\.jsonl:2: expect must be/);
    expect(await complaint('--scenario', 'x', file('a.jsonl', PASSING))).toContain(
      'no scenario has "x" in its id; the first one is reset',
    );
    expect(await complaint(join(folder, 'absent'))).toContain('there is no such file');
  });

  it('runs on QEMU, or says in one line that it is not installed', async () => {
    const path = process.env['PATH'];
    const args = ['scenario', '--on', 'qemu', file('qemu.jsonl', PASSING)] as const;
    const { status, out, err } = await ioasis(...args);
    if (status === 2) expect(err).toMatch(/: reset: qemu-system-x86_64 is not installed; it comes with QEMU\n$/);
    else expect(out).toMatch(/\n {2}on QEMU: 1 scenario\n/);
    process.env['PATH'] = '/nowhere';
    try {
      expect(await ioasis(...args)).toMatchObject({
        status: 2,
        err: expect.stringMatching(/: reset: qemu-system-x86_64 is not installed; it comes with QEMU\n$/) as string,
      });
    } finally {
      process.env['PATH'] = path;
    }
  });
});
