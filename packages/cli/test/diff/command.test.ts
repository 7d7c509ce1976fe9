import { describe, expect, it } from 'vitest';
import { fixture, ioasis } from '../captured.js';

const VTD = fixture('traces/device/iommufd-vtd-aw39.jsonl.gz');
const TYPES = ['--scenario', 'dev/group/set-iommu-types'] as const;

describe('ioasis diff', () => {
  it('shows where personalities differ, and the rows that say why', async () => {
    const { status, out } = await ioasis('diff', '--personality', 'iommufd,type1', ...TYPES, '--show', '1', VTD);
    expect(status).toBe(0);
    expect(out).toContain(`${VTD}: iommufd against type1\n`);
    expect(out).toMatch(/ {2}\d+ steps compared, [1-9]\d* differ, 0 unexplained\n/);
    expect(out).toMatch(/\n {4}iommufd: .*\n {4}type1: .*\n(?:.*\n)* {4}because of row \d+: /);
    expect(out).toMatch(/\n {2}and \d+ more\n$/);
  });

  it('compares kernels and machines, and answers programs', async () => {
    const { status, out } = await ioasis(
      'diff',
      '--machine',
      'q35+vtd,virt+smmuv3',
      '--kernel',
      '6.12,6.6',
      '--json',
      VTD,
    );
    const report = JSON.parse(out) as {
      left: string;
      steps: number;
      differences: { reasons: { table: string }[] }[];
      unexplained: number;
    };
    expect(report.left).toBe('q35+vtd 6.12');
    expect(report.unexplained).toBe(0);
    expect(report.steps).toBeGreaterThan(1000);
    expect(report.differences).toHaveLength(10);
    expect(status).toBe(0);
    expect(report.differences[0]?.reasons[0]?.table).toMatch(/^(kernel|vendor)$/);
  });

  it('finds nothing on equal sides', async () => {
    const { status, out } = await ioasis('diff', ...TYPES, VTD);
    expect(status).toBe(0);
    expect(out).toMatch(/: left against right\n {2}\d+ steps compared, 0 differ, 0 unexplained\n$/);
  });

  it.each([
    [['--kernel', '6.13,6.2'], 'ioasis: there is no kernel 6.13; did you mean 6.12, 6.6, 6.2?\n'],
    [['--machine', 'a,b,c'], 'ioasis: --machine takes one or two names, not 3; separate two with a comma\n'],
    [
      ['--personality', 'iommufd,'],
      "ioasis: option '--personality <left,right>' argument 'iommufd,' is invalid. It must be names that are separated by commas; see ioasis diff --help\n",
    ],
    [['--scenario', 'nowhere'], /no scenario has "nowhere" in its name; the first one is /],
  ] as const)('complains in one line: %j', async (args, complaint) => {
    const { status, out, err } = await ioasis('diff', ...args, VTD);
    expect({ status, out }).toEqual({ status: 2, out: '' });
    if (typeof complaint === 'string') expect(err).toBe(complaint);
    else expect(err).toMatch(complaint);
  });
});
