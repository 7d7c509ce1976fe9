import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ioasis } from '../captured.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ioasis-replay-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const HEADER = {
  header: 1,
  format: 'iommu-trace/1',
  set: 'test',
  kernel: '6.12',
  arch: 'x86_64',
  page_size: 4096,
  hpage_size: 2097152,
  vfio_vfio_provider: 'iommufd',
  machine: 'none',
  seed: 1,
};
const worked = { ret: 0, errno: null };
const block = { fd: 'i', arg: '0x10000000000', bufs: [] };
/** A program that makes an IOAS and destroys one. */
const STEPS = [
  { op: 'begin', desc: '' },
  { op: 'mmap', addr: '0x10000000000', len: '0x1000', prot: 'rw', kind: 'private', off: '0x0', ...worked },
  { op: 'open', fd: 'i', path: '/dev/iommu', flags: 'O_RDWR', fdnum: 3, ...worked },
  {
    op: 'ioctl',
    ...block,
    cmd: 'IOMMU_IOAS_ALLOC',
    nr: '0x3b81',
    len: 12,
    in: '0c0000000000000000000000',
    ...worked,
    out: '0c0000000000000001000000',
  },
  {
    op: 'ioctl',
    ...block,
    cmd: 'IOMMU_DESTROY',
    nr: '0x3b80',
    len: 8,
    in: '0800000009000000',
    ret: -1,
    errno: 'ENOENT',
    out: '=',
  },
  { op: 'end' },
];
const lines = (header: object, steps: readonly object[], scenario: string): string =>
  [header, ...steps.map((step, seq) => ({ seq, scenario, ...step }))]
    .map((line) => `${JSON.stringify(line)}\n`)
    .join('');

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}
const good = (): string => file('good.jsonl', lines(HEADER, STEPS, 'test/ioas'));
const wrong = (): string =>
  file(
    'wrong.jsonl',
    lines(HEADER, STEPS, 'test/ioas')
      .replace('"0c0000000000000001000000"', '"0c0000000000000002000000"')
      .replace('ENOENT', 'EBUSY'),
  );

describe('ioasis replay', () => {
  it('counts what agrees', async () => {
    const path = good();
    expect(await ioasis('replay', path)).toEqual({
      status: 0,
      out: `${path}\n  none, /dev/vfio/vfio by iommufd: 1 scenario, 6 steps\n  4 compared, all agree\n`,
      err: '',
    });
  });

  it('shows divergences field by field and fails', async () => {
    const { status, out } = await ioasis('replay', wrong());
    expect(status).toBe(1);
    expect(out).toContain('  4 compared, 2 agree, 2 steps differ\n');
    expect(out).toContain(
      [
        '    test/ioas seq 3: IOMMU_IOAS_ALLOC on i',
        '      out iommu_ioas_alloc.out_ioas_id',
        '        expected 0x2',
        '        got      0x1',
        '    test/ioas seq 4: IOMMU_DESTROY on i',
        '      errno',
        '        expected EBUSY',
        '        got      ENOENT ',
      ].join('\n'),
    );
  });

  it('shows as many divergences as it is told to', async () => {
    const { out } = await ioasis('replay', '--show', '1', wrong());
    expect(out).toContain('seq 3');
    expect(out).not.toContain('seq 4');
    expect(out).toContain('    and 1 more (--show 2 prints all)\n');
  });

  it('answers machines in JSON', async () => {
    const { status, out } = await ioasis('replay', '--json', good(), wrong());
    expect(status).toBe(1);
    expect(JSON.parse(out)).toMatchObject({
      agree: false,
      files: [
        { machine: 'none', personality: 'iommufd', scenarios: 1, steps: 6, compared: 4, agreed: 4, differing: 0 },
        {
          agreed: 2,
          differing: 2,
          divergences: [{ scenario: 'test/ioas', seq: 3, cmd: 'IOMMU_IOAS_ALLOC' }, { seq: 4 }],
        },
      ],
    });
  });

  it('writes what happened here in the format of the input', async () => {
    const path = good();
    const emitted = join(folder, 'emitted.jsonl');
    expect(await ioasis('replay', '--emit', emitted, wrong())).toMatchObject({ status: 1 });
    expect(readFileSync(emitted, 'utf8')).toBe(readFileSync(path, 'utf8'));
    expect(await ioasis('replay', emitted)).toMatchObject({ status: 0 });
  });

  it('replays only chosen scenarios', async () => {
    const both = file(
      'both.jsonl',
      lines(HEADER, STEPS, 'test/one') + lines(HEADER, STEPS, 'test/two').split('\n').slice(1).join('\n'),
    );
    expect((await ioasis('replay', '--scenario', 'two', both)).out).toContain('1 scenario, 6 steps');
    expect(await ioasis('replay', '--scenario', 'three', both)).toEqual({
      status: 2,
      out: '',
      err: `ioasis: ${both}: no scenario has "three" in its name; the first one is test/one\n`,
    });
  });

  it('goes on with the next file after one that cannot be used', async () => {
    const bad = file('bad.jsonl', `${JSON.stringify(HEADER)}\n{"op":\n`);
    const { status, out, err } = await ioasis('replay', join(folder, 'absent'), bad, good());
    expect(status).toBe(2);
    expect(out).toContain('4 compared, all agree');
    expect(err.split('\n')).toEqual([
      `ioasis: cannot read ${folder}/absent: there is no such file`,
      expect.stringMatching(/bad\.jsonl:2: not JSON: /),
      '',
    ]);
  });

  it('refuses machines, providers and files that it cannot use', async () => {
    const elsewhere = file('elsewhere.jsonl', lines({ ...HEADER, machine: 'pdp11' }, STEPS, 's'));
    expect((await ioasis('replay', elsewhere)).err).toContain(
      'there is no machine pdp11; --machine takes none, q35+vtd',
    );
    expect(await ioasis('replay', '--machine', 'none', elsewhere)).toMatchObject({ status: 0 });
    const other = file('other.jsonl', lines({ ...HEADER, vfio_vfio_provider: 'x' }, STEPS, 's'));
    expect((await ioasis('replay', other)).err).toContain('--personality takes iommufd, type1');
    expect((await ioasis('replay', '--personality', 'type1', other)).out).toContain('/dev/vfio/vfio by type1');
    expect((await ioasis('replay', '--emit', join(folder, 'e'), good(), good())).err).toContain(
      'replay them one at a time',
    );
    expect((await ioasis('replay', '--emit', join(folder, 'no', 'e'), good())).err).toContain('cannot write');
  });
});
