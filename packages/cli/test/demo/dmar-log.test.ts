import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { iova, type HardwareFault } from '@ioasis/core';
import { dmarLogLine, sourceName } from '../../src/demo/dmar-log.js';
import { fixture } from '../captured.js';

const fault = (fields: Partial<HardwareFault>): HardwareFault => ({
  vendor: 'intel-vtd',
  code: 6,
  name: 'READ_DENIED',
  requesterId: 8,
  pasid: undefined,
  iova: iova(0),
  access: 'read',
  recorded: 'recorded',
  record: [],
  details: {},
  ...fields,
});

describe('dmarLogLine', () => {
  it('is what the recording machine logged for its refused accesses', () => {
    const logged = readFileSync(fixture('traces/device/iommufd-vtd-aw39.dmesg.txt'), 'utf8')
      .split('\n')
      .flatMap((line) => /DMAR: \[DMA .*/.exec(line) ?? []);
    const faults = [
      fault({ code: 5, access: 'write', iova: iova(0x11_0000) }),
      fault({ code: 5, access: 'write', iova: iova(0x20_003c) }),
      fault({ code: 6, iova: iova(0x30_0004) }),
    ];
    expect(faults.map(dmarLogLine)).toEqual(logged.slice(0, 3));
  });

  it('names a PASID and reasons that Linux has no words for', () => {
    expect(dmarLogLine(fault({ code: 0x60, pasid: 0x1f, iova: iova(1n << 40n) }))).toBe(
      'DMAR: [DMA Read PASID 0x1f] Request device [00:01.0] fault addr 0x10000000000 [fault reason 0x60] Unknown',
    );
  });
});

it('a source id is bus, device and function', () => {
  expect([0x0008, 0xff_ff, 0x0a_12].map(sourceName)).toEqual(['00:01.0', 'ff:1f.7', '0a:02.2']);
});
