import { describe, expect, it } from 'vitest';
import { fieldDifferences } from '../../src/index.js';
import { ioctl, stepOf, traceOf } from './fake-kernel.js';

/** Little-endian 32-bit words as hexadecimal bytes. */
const word = (...values: number[]): string => Buffer.from(Uint32Array.from(values).buffer).toString('hex');
const step = (cmd: string) => stepOf(traceOf(ioctl('x', { cmd, nr: '0x1', in: '' })), 'ioctl');

describe('fieldDifferences', () => {
  it('walks the capability chain of VFIO_IOMMU_GET_INFO to the ranges in it', () => {
    // argsz, flags, pgsizes, cap_offset 24; IOVA_RANGE capability with two ranges; then DMA_AVAIL.
    const info = (end: number, avail: number): string =>
      word(0x60, 3, 0xfffff000, 0xffffffff, 0x18, 0) +
      word(0x00010001, 0x48, 2, 0, 0, 0, 0xfedfffff, 0, 0xfef00000, 0, end, 0x7f) +
      word(0x00010003, 0, avail);
    expect(fieldDifferences(step('VFIO_IOMMU_GET_INFO'), 'out', info(0xffffffff, 65535), info(0xffff, 65534))).toEqual([
      { field: 'iova_ranges[1].end', expected: '0x7fffffffff', got: '0x7f0000ffff' },
      { field: 'vfio_iommu_type1_info_dma_avail.avail', expected: '0xffff', got: '0xfffe' },
    ]);
  });

  it('ends at a capability that points backwards', () => {
    const looping = word(0x60, 3, 0, 0, 0x18, 0) + word(0x00010003, 0x18, 1);
    expect(fieldDifferences(step('VFIO_IOMMU_GET_INFO'), 'out', looping, looping)).toEqual([]);
  });

  it('names the elements of a buffer of IOVA ranges', () => {
    const expected = word(0, 0, 0xfff, 0, 0x2000, 0, 0x2fff, 0);
    const got = word(0, 0, 0xfff, 0, 0x2000, 0, 0x3fff, 0);
    expect(fieldDifferences(step('IOMMU_IOAS_IOVA_RANGES'), 'bufs.0', expected, got)).toEqual([
      { field: 'iova_ranges[1].last', expected: '0x2fff', got: '0x3fff' },
    ]);
  });

  it('knows the operations of the test command', () => {
    const command = (id: number): string => word(72, 2, 1, 0, id, 0, 0, 0) + '00'.repeat(40);
    expect(fieldDifferences(step('IOMMU_TEST_OP_MOCK_DOMAIN'), 'out', command(2), command(3))).toEqual([
      { field: 'iommu_test_cmd.mock_domain.out_stdev_id', expected: '0x2', got: '0x3' },
    ]);
  });

  it('shows words where no table says what they are, and bytes that are missing', () => {
    expect(fieldDifferences(step('NR'), 'out', '00'.repeat(10), '00'.repeat(8))).toEqual([
      { field: 'bytes from 0x8', expected: '0000', got: 'nothing' },
    ]);
  });

  it('shows bytes behind a structure and fields that are cut', () => {
    const expected = word(12, 0, 1) + 'ff';
    expect(fieldDifferences(step('IOMMU_IOAS_ALLOC'), 'out', expected, word(12, 0) + '02')).toEqual([
      { field: 'iommu_ioas_alloc.out_ioas_id', expected: '0x1', got: '02 (cut)' },
      { field: 'bytes from 0x8', expected: '01000000ff', got: '02' },
    ]);
  });
});
