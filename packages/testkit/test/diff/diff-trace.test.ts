import { describe, expect, it } from 'vitest';
import { linux62 } from '@ioasis/core';
import { diffTrace, renderDiff, TraceBuilder, type DiffReport } from '@ioasis/testkit';
import { fakeMachine, ioctlFile } from '../trace/fake-kernel.js';
import { recording, side } from './sides.js';

const VTD = 'traces/device/iommufd-vtd-aw39.jsonl.gz';

/** Rows that explain at least one step, in order of their first. */
const rowsOf = ({ differing }: DiffReport): string[] => [
  ...new Set(differing.flatMap(({ reasons }) => reasons.map(({ id }) => id))),
];

/** Steps with a row of their own, and those that only follow from an earlier one. */
const shares = ({ differing }: DiffReport): { readonly byRow: number; readonly following: number } => ({
  byRow: differing.filter(({ reasons }) => reasons.length > 0).length,
  following: differing.filter(({ follows }) => follows !== undefined).length,
});

describe('two personalities', () => {
  const report = diffTrace(recording(VTD), side('iommufd'), side('type1', { personality: 'type1' }));

  it('explains every difference by a row of the table, or by an earlier step', () => {
    expect(report).toMatchObject({ scenarios: 9, compared: 2724, unexplained: 0 });
    expect(shares(report)).toEqual({ byRow: 853, following: 107 });
  });

  it('names the rows that the recording meets', () => {
    const rows = rowsOf(report).toSorted((a, b) => parseInt(a, 10) - parseInt(b, 10));
    expect(rows.join(' ')).toBe('2 5 6b 6 7 8 9 10 11 12 13 14 15 16 18 19 20 21 22 23 24 27 31 42');
  });

  it('agrees where the program never touches a VFIO container', () => {
    const cdev = report.differing.filter(({ step }) => step.scenario.startsWith('dev/cdev'));
    expect(cdev).toEqual([]);
  });

  it('says the same of the sides the other way round', () => {
    const reversed = diffTrace(recording(VTD), side('type1', { personality: 'type1' }), side('iommufd'), {
      scenario: 'dev/group/set-iommu-types',
    });
    const straight = report.differing.filter(({ step }) => step.scenario === 'dev/group/set-iommu-types');
    expect(reversed.differing.map(({ step, reasons }) => [step.seq, reasons.map(({ id }) => id)])).toEqual(
      straight.map(({ step, reasons }) => [step.seq, reasons.map(({ id }) => id)]),
    );
  });
});

describe('two kernels', () => {
  it('finds the empty unmap and the requests that the older one does not know', () => {
    const newer = side('6.12', { backend: 'mock' });
    const older = side('6.2', { backend: 'mock', kernel: linux62 });
    const report = diffTrace(recording('traces/vfio/compat.jsonl.gz'), newer, older);
    expect(report.unexplained).toBe(0);
    const empty = report.differing.filter(({ reasons }) => reasons[0]?.id === 'emptyCompatUnmap');
    expect(empty).toHaveLength(112);
    expect(empty[0]?.right.errno).toBe('ENOENT');
    expect(shares(report)).toEqual({ byRow: 124, following: 0 });
  });
});

describe('two vendors', () => {
  it('explains the differences by what the IOMMUs are', () => {
    const report = diffTrace(recording(VTD), side('VT-d'), side('SMMUv3', { backend: 'arm-smmuv3' }));
    expect(report.unexplained).toBe(0);
    expect(rowsOf(report)).toEqual(['iova-ranges', 'page-sizes', 'hardware-information']);
  });

  it.each([
    ['intel-vtd', 'amd-vi', ['intel-vtd: served', 'amd-vi: refused']],
    ['amd-vi', 'arm-smmuv3', ['amd-vi: refused', 'arm-smmuv3: served']],
    ['intel-vtd', 'arm-smmuv3', undefined],
  ])('%s against %s: who lets a device read what is mapped for writing alone', (left, right, row) => {
    const sides = [side(left, { backend: left }), side(right, { backend: right })] as const;
    const { differing, unexplained } = diffTrace(recording(VTD), ...sides, { scenario: 'dev/cdev/dma' });
    expect(unexplained).toBe(0);
    // 2750 is the read; 2752 looks at where the device put what it got. The recordings of the three machines say the same.
    const found = differing.map(({ step, reasons, follows }) => [step.seq, reasons.map(({ id }) => id), follows]);
    const [read] = differing.flatMap(({ reasons }) => reasons);
    expect(found).toEqual(
      row === undefined
        ? []
        : [
            [2750, ['write-only'], undefined],
            [2752, [], 2750],
          ],
    );
    expect(read && [read.left, read.right]).toEqual(row);
  });

  it('explains everything between VT-d and AMD', () => {
    const report = diffTrace(recording(VTD), side('VT-d'), side('AMD', { backend: 'amd-vi' }));
    expect(report.unexplained).toBe(0);
    expect(renderDiff(report)).toContain(
      [
        '  dev/cdev/dma seq 2750: dma to-dev at 0x120000 by vdev0',
        '    VT-d: served',
        '    AMD: refused',
        '    because of vendor write-only: ',
      ].join('\n'),
    );
  });

  it('has nothing to say about the same machine twice', () => {
    const same = diffTrace(recording(VTD), side('one'), side('other'), { scenario: 'dev/cdev' });
    expect(same.compared).toBeGreaterThan(200);
    expect(same.differing).toEqual([]);
  });
});

describe('a list of ioctls', () => {
  const calls = (): TraceBuilder => {
    const list = new TraceBuilder('list');
    list.mmap(0x200_0000_0000n, 0x1_0000n);
    list.open('container', '/dev/vfio/vfio');
    list.open('group', '/dev/vfio/1');
    list.pointer('group', 'VFIO_GROUP_SET_CONTAINER', Uint8Array.of(3, 0, 0, 0));
    list.number('container', 'VFIO_SET_IOMMU', 3);
    return list;
  };
  const mapping = { vaddr: 0x200_0000_0000n, iova: 0x10_0000n, size: 0x4000n };

  it('shows the row of a map without permissions', () => {
    const list = calls();
    list.ioctl('container', 'VFIO_IOMMU_MAP_DMA', { ...mapping, flags: 0 });
    const report = diffTrace(list.build('calls'), side('type1', { personality: 'type1' }), side('iommufd'));
    expect(renderDiff(report)).toBe(
      [
        'calls: type1 against iommufd',
        '  7 steps compared, 1 differ, 0 unexplained',
        '  list seq 7: VFIO_IOMMU_MAP_DMA on container',
        '    type1: EINVAL TYPE1_MAP_NO_ACCESS: a mapping must allow reading or writing [flags=0]',
        '    iommufd: ret 0',
        '    because of row 17: MAP_DMA with neither READ nor WRITE',
        '',
      ].join('\n'),
    );
  });

  it('says what follows from an earlier step', () => {
    const list = calls();
    list.ioctl('container', 'VFIO_IOMMU_MAP_DMA', { ...mapping, flags: 0 });
    list.ioctl('container', 'VFIO_IOMMU_MAP_DMA', { ...mapping, flags: 3 });
    const report = diffTrace(list.build(), side('type1', { personality: 'type1' }), side('iommufd'));
    expect(report.differing.map(({ step, follows }) => [step.seq, follows])).toEqual([
      [7, undefined],
      [8, 7],
    ]);
    expect(renderDiff(report, 1)).toContain('  and 1 more\n');
  });

  it('leaves a difference unexplained that no table knows', () => {
    const list = calls();
    list.open('iommu', '/dev/iommu');
    list.ioctl('iommu', 'IOMMU_IOAS_ALLOC');
    const ordinary = side('ordinary');
    const poor = {
      ...ordinary,
      make: () => {
        const machine = ordinary.make(list.header);
        return {
          spawn: () => {
            const process = machine.spawn();
            process.limits.nofile = 5;
            return process;
          },
        };
      },
    };
    const report = diffTrace(list.build(), ordinary, poor);
    expect(report.differing.map(({ step, follows }) => [step.op, follows])).toEqual([
      ['open', undefined],
      ['ioctl', 7],
    ]);
    expect(report.unexplained).toBe(1);

    // Another scenario starts anew: nothing in it follows from this one.
    const both = { ...list.build(), steps: [...list.build().steps, ...list.build().steps] };
    expect(diffTrace(both, ordinary, poor)).toMatchObject({ scenarios: 2, unexplained: 2 });
  });

  it('reports an exception as a difference', () => {
    const list = new TraceBuilder('broken');
    list.open('iommu', '/dev/iommu');
    list.ioctl('iommu', 'IOMMU_IOAS_ALLOC');
    const broken = ioctlFile(() => {
      throw new Error('out of order');
    });
    const report = diffTrace(list.build(), side('sound'), {
      ...side('broken'),
      make: () => fakeMachine({ '/dev/iommu': broken }),
    });
    expect(report.differing[0]?.differences).toMatchObject([{ what: 'exception', expected: 'none' }]);
    expect(renderDiff(report)).toContain('broken: exception Error: out of order');
  });
});
