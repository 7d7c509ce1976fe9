import { Buffer } from 'node:buffer';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runProgram } from '../../src/index.js';
import { capture, fixture, ioasis } from '../captured.js';

const VTD = fixture('linux-tables/vtd-linux-6.12-aw39.json.gz');
const SMMU = fixture('linux-tables/smmuv3-linux-6.12-4k.json.gz');
const AMD = fixture('linux-tables/amdvi-linux-6.12.json.gz');
const TRACE = fixture('traces/device/iommufd-vtd-aw39.jsonl.gz');

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ioasis-walk-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, bytes: Uint8Array | string): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

interface Snapshot {
  readonly devices?: Requester[];
  readonly streams?: Requester[];
  pages: [address: string, hex: string][];
}
interface Requester {
  readonly sid: string;
  readonly mappings: [iova: string, bytes: string, pa: string][];
}
interface Ranges {
  readonly ranges: { start: string; last: string; pa: string; entry: string }[];
}

const snapshot = (path: string): Snapshot => JSON.parse(gunzipSync(readFileSync(path)).toString()) as Snapshot;

/** A root table, a context table and three levels of tables at 0x100000: 00:02.0 has 0x1000 mapped to 0x5000 for reading. */
function dump(): Buffer {
  const memory = Buffer.alloc(0x5000);
  memory.writeBigUInt64LE(0x10_1001n, 0);
  memory.writeBigUInt64LE(0x10_2001n, 0x1000 + 0x10 * 16);
  memory.writeBigUInt64LE(0x101n, 0x1000 + 0x10 * 16 + 8);
  memory.writeBigUInt64LE(0x10_3003n, 0x2000);
  memory.writeBigUInt64LE(0x10_4003n, 0x3000);
  memory.writeBigUInt64LE(0x5001n, 0x4000 + 8);
  return memory;
}
const RAW = ['--base', '0x100000', '--unit', 'intel-vtd', '--width', '39', '--root', '0x100000'] as const;

describe('ioasis walk of an address', () => {
  it.each([
    [VTD, '00:02.0', 'ffffe123', ['root entry', 'context entry', 'SS-PTE level 3', 'SS-PTE level 1'], '0x14706c123'],
    [SMMU, '0x8', '0xffffcffc', ['L1STD', 'STE', 'CD', 'stage 1 level 0', 'stage 1 level 3'], '0x103dc0ffc'],
    [AMD, '00:02.0', '0xffffffc4', ['DTE', 'host PDE level 3', 'host PTE level 1'], '0x14635bfc4'],
  ])('%s', async (image, device, iova, entries, pa) => {
    const { status, out } = await ioasis('walk', image, iova, '--device', device);
    expect(status).toBe(0);
    for (const entry of entries) expect(out).toContain(`\n  ${entry.padEnd(16)} at 0x`);
    expect(out).toContain(`  it leads to physical address ${pa}, a page of `);
  });

  it('prints each entry with its decoded bits, and answers 1 where it faults', async () => {
    const { status, out } = await ioasis(
      'walk',
      ...RAW,
      '--device',
      '00:02.0',
      '--write',
      file('raw.bin', dump()),
      '1234',
    );
    expect(status).toBe(1);
    expect(out).toBe(`write of 0x1234 by 00:02.0
  root entry       at 0x100000      0x0000000000000000 0x0000000000101001
    CTP=0x101 P=1
  context entry    at 0x101100      0x0000000000000101 0x0000000000102001
    DID=1 AW=1 SSPTPTR=0x102 P=1
  SS-PTE level 3   at 0x102000      0x0000000000103003
    ADDR=0x103 W=1 R=1
  SS-PTE level 2   at 0x103000      0x0000000000104003
    ADDR=0x104 W=1 R=1
  SS-PTE level 1   at 0x104008      0x0000000000005001
    ADDR=5 R=1
  it faults: WRITE_DENIED (0x5)
`);
  });

  it('answers programs', async () => {
    const { out } = await ioasis('walk', ...RAW, '--device', '0x10', '--json', file('raw.bin', dump()), '1234');
    const walk = JSON.parse(out) as { pa: string; writable: boolean; steps: { what: string }[] };
    expect(walk).toMatchObject({ pa: '0x5234', writable: false });
    expect(walk.steps).toHaveLength(5);
  });

  it('tells memory that the image does not have from an entry of zeros', async () => {
    const memory = dump();
    memory.writeBigUInt64LE(0x9000_0003n, 0x3000);
    const { out } = await ioasis('walk', ...RAW, '--device', '0x10', file('gone.bin', memory), '1234');
    expect(out).toContain('it faults: NEXT_TABLE_ACCESS (0x7)');
  });
});

describe('ioasis walk of everything', () => {
  it.each([
    [VTD, '0x10'],
    [SMMU, '0x8'],
    [AMD, '0x10'],
  ])('finds the mappings that the recording lists: %s', async (image, device) => {
    const { devices, streams } = snapshot(image);
    const listed = (devices ?? streams ?? []).find(({ sid }) => Number(sid) === Number(device))!;
    const { status, out } = await ioasis('walk', '--all', '--json', '--device', device, image);
    expect(status).toBe(0);
    const [{ ranges }] = JSON.parse(out) as [Ranges];
    const own = ranges.filter(({ entry }) => entry !== '');
    expect(own.map(({ start, last, pa }) => [start, BigInt(last) - BigInt(start) + 1n, pa])).toEqual(
      listed.mappings.map(([iova, bytes, pa]) => [iova, BigInt(bytes), pa]),
    );
    expect(own.length).toBeGreaterThan(0);
  });

  it('prints a line for each range, of every requester of a dump that is served', async () => {
    const { out } = await ioasis('walk', ...RAW, '--all', file('raw.bin', dump()));
    expect(out).toBe(`requester 0x10 (00:02.0): 1 range
  root entry at 0x100000: 0x0 0x101001
  context entry at 0x101100: 0x101 0x102001
  IOVA           last           physical       pages     rw  first entry
  0x1000         0x1fff         0x5000         1 x 4K    r-  SS-PTE level 1: 0x5001
`);
  });

  it('prints what another image has otherwise', async () => {
    const changed = dump();
    changed.writeBigUInt64LE(0x7003n, 0x4000 + 8);
    const [before, after] = [file('before.bin', dump()), file('after.bin', changed)];
    const { status, out } = await ioasis('walk', ...RAW, before, '--diff', after);
    expect(status).toBe(1);
    expect(out).toBe(`requester 0x10 (00:02.0)
-  0x1000         0x1fff         0x5000         1 x 4K    r-  SS-PTE level 1: 0x5001
+  0x1000         0x1fff         0x7000         1 x 4K    rw  SS-PTE level 1: 0x7003
`);
    expect(await ioasis('walk', ...RAW, before, '--diff', before)).toEqual({ status: 0, out: 'the same\n', err: '' });
  });

  it('shows the tables of a trace at a step', async () => {
    const walk = async (step: string): Promise<string[]> => {
      const { status, out } = await ioasis('walk', '--all', '--scenario', 'dev/cdev/map', '--step', step, TRACE);
      expect(status).toBe(0);
      return out.split('\n');
    };
    const [attached, mapped, unmapped] = [await walk('2623'), await walk('2624'), await walk('2625')];
    expect(attached[0]).toBe('requester 0x8 (0000:00:01.0): 0 ranges');
    expect(mapped[0]).toMatch(/: [1-9]\d* ranges?$/);
    expect(mapped[4]).toMatch(/^ {2}0x\w+ +0x\w+ +0x\w+ +\d+ x 4K +rw {2}SS-PTE level 1: 0x\w+$/);
    expect(unmapped).toEqual(attached);
    expect(await ioasis('walk', '--all', '--scenario', 'dev/cdev/map', '--step', '1', TRACE)).toMatchObject({
      status: 2,
      err: expect.stringMatching(/: step 1 is not in dev\/cdev\/map, which has 2613 to \d+\n$/) as string,
    });
  });
});

it('shows bytes of a binary file as numbers, on one line', async () => {
  const { status, err } = await ioasis('walk', file('binary', Uint8Array.of(0x1b, 0x5b, 0x32, 0x4a, 0x0a, 0x00)), '0');
  expect(status).toBe(2);
  expect(err).toMatch(/^ioasis: [^\p{Cc}]+\\x1b[^\p{Cc}]+\n$/u);
});

it('says of an empty dump that it is empty', async () => {
  expect((await ioasis('walk', ...RAW, file('nothing', ''), '0')).err).toMatch(/nothing: the file is empty\n$/);
});

describe('the width of physical addresses under VT-d', () => {
  it.each([
    [39, 'it leads to physical address 0x7000000234'],
    [38, 'it faults: ENTRY_RESERVED'],
  ])('%i bits decide which address bits of an entry are reserved', async (width, end) => {
    const memory = dump();
    memory.writeBigUInt64LE(0x70_0000_0001n, 0x4000 + 8);
    const args = [...RAW, '--width', String(width), '--device', '0x10', file('high.bin', memory), '1234'];
    expect((await ioasis('walk', ...args)).out).toContain(end);
  });

  it('is what a snapshot says of its machine, and is asked for where nothing tells', async () => {
    const { machine, ...rest } = snapshot(VTD) as Snapshot & { machine: string };
    expect(machine).toContain('aw-bits=39');
    const path = file('real-machine.json', JSON.stringify(rest));
    const args = ['walk', path, 'fffff000', '--device', '00:02.0'] as const;
    expect(await ioasis(...args)).toEqual({
      status: 2,
      out: '',
      err: `ioasis: ${path}: the host address width is not known; give --width, as Linux logs it: "DMAR: Host address width"\n`,
    });
    const [given, told] = [await ioasis(...args, '--width', '39'), await ioasis('walk', VTD, ...args.slice(2))];
    expect(given).toEqual(told);
    expect((await ioasis(...args, '--width', '64')).err).toContain('It must be a whole number from 36 to 52;');
  });
});

it('counts walks on a terminal while it reads everything', async () => {
  const terminal = { ...capture(), progress: true };
  await runProgram(['walk', ...RAW, '--all', file('raw.bin', dump())], terminal);
  // Every requester is asked about, of which one is served; the last count is erased.
  expect(terminal.printed.err.split('\r').slice(-2)).toEqual(['\u001b[Kwalks: 68000', '\u001b[K']);
  expect(terminal.printed.out).toContain('requester 0x10');
});

it('says what is wrong with an archive that ends too early', async () => {
  const { status, err } = await ioasis('walk', file('torn.json.gz', readFileSync(VTD).subarray(0, 100)), '0');
  expect(status).toBe(2);
  expect(err).toMatch(/torn\.json\.gz: it is no whole gzip file: unexpected end of file\n$/);
});

describe('ioasis walk', () => {
  it.each([
    [[VTD], 'ioasis: there is no IOVA to walk; give one, or --all for everything\n'],
    [[VTD, '0x1000'], 'ioasis: whose IOVA is it?; give --device: 0x0 00:00.0 host bridge, '],
    [['--base', '0x1000', VTD, '0'], /a raw dump needs --root REGISTER and --unit intel-vtd\|arm-smmuv3\|amd-vi\n$/],
    [
      ['--device', '00:99.0', VTD, '0'],
      /It must be a PCI function such as 00:02.0, or a number; see ioasis walk --help\n$/,
    ],
    [[VTD, 'page'], /It must be a hexadecimal number of up to 64 bits; see ioasis walk --help\n$/],
    [[fixture('README.md'), '0'], /README.md: it is no JSON: .*; a raw dump needs --base ADDRESS\n$/],
    [[VTD, '0', '--step', '3'], /--step is for a trace \(\.jsonl\)\n$/],
    [[VTD, '0', '--root', '3'], /--root is for a raw dump, which needs --base ADDRESS too\n$/],
    [[TRACE, '0', '--width', '39'], /--width is for a snapshot or a raw dump: /],
    [[TRACE, '--all', '--scenario', 'none of these'], /; the first one is dev\/group\/type1\n$/],
    [[VTD, '0', '--pasid', '1048576'], /It must be a whole number of up to 20 bits; see ioasis walk --help\n$/],
  ] as const)('complains in one line: %j', async (args, complaint) => {
    const { status, out, err } = await ioasis('walk', ...args);
    expect({ status, out, lines: err.split('\n').length }).toEqual({ status: 2, out: '', lines: 2 });
    if (typeof complaint === 'string') expect(err.startsWith(complaint)).toBe(true);
    else expect(err).toMatch(complaint);
  });
});
