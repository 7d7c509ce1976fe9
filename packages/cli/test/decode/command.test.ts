import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { ioasis } from '../captured.js';

const LOG = fileURLToPath(new URL('log.txt', import.meta.url));

interface Entry {
  readonly line?: number;
  readonly what: string;
  readonly who?: string;
  readonly where?: string;
  readonly why?: string;
  readonly check?: string;
  readonly causes?: string[];
  readonly fields?: Record<string, string>;
}

async function decoded(...args: string[]): Promise<Entry[]> {
  const { status, out } = await ioasis('decode', '--json', ...args);
  expect(status).toBe(0);
  return JSON.parse(out) as Entry[];
}

describe('ioasis decode of a log', () => {
  it('reads the lines of kernels of all ages, and passes over the others', async () => {
    const entries = await decoded(LOG);
    expect(entries.map(({ line, what, who, where }) => [line, what, who, where])).toEqual([
      [2, 'VT-d fault 0x06 READ_DENIED', '00:02.0, a DMA Read, no PASID', 'IOVA 0x1000'],
      [3, 'VT-d fault 0x59 PASID_ENTRY_NOT_PRESENT', '6a:01.0, a DMA Write, PASID 0x5', 'IOVA 0x7f0000001000'],
      [4, 'VT-d fault 0x05 WRITE_DENIED', '02:00.0, a DMA Write, no PASID', 'IOVA 0xbe000000'],
      [5, 'VT-d fault 0x06 READ_DENIED', '03:00.0, a DMA Read, no PASID', 'IOVA 0xfffff000'],
      // Decimal: 12 is 0x0c.
      [6, 'VT-d fault 0x0c ENTRY_RESERVED', '00:1d.0, a DMA Write, no PASID', 'IOVA 0xdfeea000'],
      [8, 'VT-d fault 0x22 of interrupt remapping', 'f0:1f.7, an interrupt request, no PASID', 'interrupt index 0x18'],
      [10, 'root entry', undefined, undefined],
      [11, 'context entry', undefined, undefined],
      [12, 'SS-PTE (page), level 3', undefined, undefined],
      [13, 'the dump ends', undefined, undefined],
      [14, 'AMD-Vi event IO_PAGE_FAULT, flags 0x70: PR RW PE', '01:00.0, a write, domain 0xd', 'address 0xcff49550'],
      [
        15,
        'AMD-Vi event IO_PAGE_FAULT, flags 0x600: none',
        '02:00.0, a read or a write (RW says nothing here), domain 0x0',
        'address 0xfdf9103300',
      ],
      [
        16,
        'AMD-Vi event ILLEGAL_DEV_TABLE_ENTRY, flags 0x80: RZ',
        '02:00.0, a read, PASID 0x0',
        'address 0x1234567abc',
      ],
      [
        17,
        'SMMUv3 event 0x10 F_TRANSLATION',
        'StreamID 0xf8, no substream, an unprivileged read',
        'IOVA 0xfffff040 (stage 1, the input address itself)',
      ],
      [
        22,
        'SMMUv3 event 0x10 F_TRANSLATION',
        '0000:01:00.0, StreamID 0x100, no substream, an unprivileged write',
        'IOVA 0xdeadbeef0000 (stage 1, Input address caused fault)',
      ],
    ]);
    expect(entries[0]).toMatchObject({
      check: 'LGN.3, VT-d 7.1.3',
      why: expect.stringContaining('without R') as string,
    });
    expect(entries[10]).toMatchObject({ why: 'a present page that does not allow this', check: '48882 2.5.2' });
  });

  it('prints who, where, why, the check and the causes', async () => {
    const { out } = await ioasis('decode', LOG);
    expect(out.split('\n\n')[0]).toBe(
      [
        'line 2: VT-d fault 0x06 READ_DENIED',
        '  who      00:02.0, a DMA Read, no PASID',
        '  where    IOVA 0x1000',
        '  why      read without R over all levels, which includes an entry of zeros',
        '  check    LGN.3, VT-d 7.1.3',
        '  likely   the mapping has the wrong direction: DMA_TO_DEVICE for a buffer that the device writes, or the reverse',
        '           it was unmapped while the device was still using it: an entry of zeros refuses reading and writing alike',
        '           the address was never mapped for this device',
      ].join('\n'),
    );
  });

  it('answers 1 where nothing is of an IOMMU', async () => {
    const here = fileURLToPath(new URL('../captured.ts', import.meta.url));
    expect(await ioasis('decode', here)).toEqual({ status: 1, out: 'no line is of an IOMMU\n', err: '' });
  });
});

describe('ioasis decode --as', () => {
  it.each([
    // Words that Linux wrote, from fixtures/linux-tables.
    [
      ['context-entry', '0x145d73001', '0x201'],
      'context entry',
      { P: '0x1', SSPTPTR: '0x145d73', DID: '0x2', AW: '0x1' },
    ],
    [['vtd-command', '300f2', 'fffe0044'], 'IOTLB Invalidate', { TYPE: '0x2', G: '0x3', DID: '0x3', ADDR: '0xfffe0' }],
    [['amd-command', '0x3000000200000000', '0xffe60002'], 'INVALIDATE_IOMMU_PAGES', { DOMAIN_ID: '0x2', PDE: '0x1' }],
    [['smmu-command', '0xfc02046', '0'], 'CMD_SYNC', { OPCODE: '0x46', CS: '0x2' }],
    [['smmu-command', '0x1000000000011', '0'], 'CMD_TLBI_NH_ASID', { ASID: '0x1' }],
    [
      ['dte', '0x6000000146128603', '0xb', '1', '0'],
      'DTE',
      { V: '0x1', TV: '0x1', MODE: '0x3', IR: '0x1', IW: '0x1', ROOT: '0x146128', DOMAIN_ID: '0xb' },
    ],
    [['ste', '0x103d8700b', '0xd6', ...'000000'], 'STE', { V: '0x1', CONFIG: '0x5' }],
    [['ss-pte', '0x14706c003'], 'SS-PTE (page)', { R: '0x1', W: '0x1', ADDR: '0x14706c' }],
  ] as const)('%j', async ([name, ...words], what, fields) => {
    const [entry] = await decoded('--as', name, ...words);
    expect(entry).toMatchObject({ what, fields });
  });

  it('says what a record is about', async () => {
    const [event] = await decoded('--as', 'smmu-event', '0xf800000010', '0', '0xfffff040', '0');
    expect(event).toMatchObject({ what: 'SMMUv3 event 0x10 F_TRANSLATION', check: 'IHI 0070 7.3.13' });
    const [amd] = await decoded('--as', 'amd-event', '0x2070000500000008', '0x1234567abc');
    expect(amd).toMatchObject({ what: 'AMD-Vi event IO_PAGE_FAULT, flags 0x70: PR RW PE', fields: { RW: '0x1' } });
    // A translated request of 00:01.0 whose entry has I = 0, from docs/amdvi-events.md.
    const [invalid] = await decoded('--as', 'amd-event', '0x8200000000000008', '0x1234567abc');
    expect(invalid).toMatchObject({
      why: 'a translation or translated request where the device table entry has I = 0',
    });
    const [record] = await decoded('--as', 'frcd', '0x1000', '0xc000000600000010');
    expect(record).toMatchObject({ what: 'VT-d fault 0x06 READ_DENIED', who: '00:02.0, a DMA Read, no PASID' });
  });

  it('tells of bits that belong to no field, and takes several entries', async () => {
    const { out } = await ioasis('decode', '--as', 'root-entry', '0x1001', '0x1', '0', '0');
    expect(out).toBe(
      'root entry\n  fields   P=1 CTP=1\n  reserved 0x10000000000000000 is set and belongs to no field\n\nroot entry\n  fields   nothing is set\n',
    );
  });

  it.each([
    [['--as', 'stee', '0'], 'ioasis: there is no structure stee; did you mean ste'],
    [['--as', 'ste', '0'], 'ioasis: ste has 8 words of 64 bits and there are 1; the lowest comes first\n'],
    [['--as', 'ss-pte', 'zero'], 'ioasis: zero is not a 64-bit word; words are hexadecimal, 0x in front or not\n'],
    [
      ['0x145d73001'],
      'ioasis: cannot read 0x145d73001: there is no such file; name the structure that the words are with --as\n',
    ],
  ])('complains in one line: %j', async (args, complaint) => {
    const { status, out, err } = await ioasis('decode', ...args);
    expect({ status, out }).toEqual({ status: 2, out: '' });
    expect(err.startsWith(complaint)).toBe(true);
  });
});
