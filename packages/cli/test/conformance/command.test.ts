import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ioasis } from '../captured.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ioasis-conformance-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function module(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

it('says in words why a module cannot be loaded', async () => {
  expect((await ioasis('conformance', './nowhere.js')).err).toBe(
    'ioasis: cannot load ./nowhere.js: there is no such file\n',
  );
  expect((await ioasis('conformance', 'no-such-package')).err).toBe(
    "ioasis: cannot load no-such-package: Cannot find package 'no-such-package'\n",
  );
  expect((await ioasis('conformance', 'mock', '--options', '{}')).err).toContain(
    'takes neither --export nor --options',
  );
});

describe('ioasis conformance', () => {
  it('prints counts by area and declared gaps of a backend that conforms', async () => {
    const { status, out } = await ioasis('conformance', '@ioasis/testkit', '--export', 'mockBackend');
    expect(out).toMatch(/^mock: (\d+) of \1 cases pass\n {2}pages: /);
    expect(out).toContain('declared gaps:\n  rights are not kept: ');
    expect(status).toBe(0);
  });

  it('takes an installed backend by its id', async () => {
    const { status, out } = await ioasis('conformance', 'mock');
    expect(out).toMatch(/^mock: (\d+) of \1 cases pass\n/);
    expect(status).toBe(0);
  });

  it('asks a third party for the same: the RISC-V IOMMU of the examples', async () => {
    const path = fileURLToPath(new URL('../../../../examples/hw-riscv/src/index.ts', import.meta.url));
    const { status, out } = await ioasis('conformance', path, '--export', 'riscvIommu');
    expect(out).toMatch(/^riscv[\w-]*: (\d+) of \1 cases pass\n/);
    expect(status).toBe(0);
  });

  it('hands options to the function, and prints JSON', async () => {
    const options = '{"preset":"qemu-q35-48bit","caches":false}';
    const { status, out } = await ioasis(
      'conformance',
      '@ioasis/hw-intel-vtd',
      '--export',
      'intelVtd',
      '--options',
      options,
      '--json',
    );
    const report = JSON.parse(out) as { backend: string; results: { gap?: string; error?: string }[] };
    expect(report.backend).toBe('intel-vtd');
    expect(report.results.some(({ gap }) => gap?.startsWith('the unit keeps no translations') === true)).toBe(true);
    expect(report.results.filter(({ error }) => error !== undefined)).toEqual([]);
    expect(status).toBe(0);
  });

  it('answers 1 where a case fails, and names case and reason', async () => {
    const { status, out } = await ioasis('conformance', fileURLToPath(new URL('./sticky-mock.ts', import.meta.url)));
    expect(out).toContain('failed:\n');
    expect(out).toMatch(
      /attachment: a detached device is blocked, also where it has just been\n {4}ConformanceError: where a read .*: expected nothing, found 0x\w+\n/,
    );
    expect(status).toBe(1);
  });

  it('answers 2 where there is no backend, and says what is wrong', async () => {
    const nothing = module('nothing.mjs', 'export const answer = 42;\n');
    const throwing = module('throwing.mjs', 'export default () => { throw new RangeError("mode is 7"); };\n');
    const useless = module('useless.mjs', 'export default { id: "x", create() { throw new Error("not yet"); } };\n');
    expect(await ioasis('conformance', join(folder, 'absent.mjs'))).toMatchObject({ status: 2 });
    for (const [args, reason] of [
      [[nothing], `${nothing} has no export default; it has answer`],
      [[nothing, '--export', 'answer'], `answer of ${nothing} is no backend: a BackendDefinition has id and create`],
      [[throwing], `default of ${throwing} makes no backend: mode is 7`],
      [[useless], `${useless} cannot be tested: Error: not yet`],
    ] as const) {
      expect(await ioasis('conformance', ...args)).toMatchObject({ status: 2, err: `ioasis: ${reason}\n`, out: '' });
    }
  });
});
