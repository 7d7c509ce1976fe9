import { readFileSync } from 'node:fs';
import { Access, NO_PASID } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import { EventId, type EventName } from '../../src/layouts/events.js';
import { SMMU_V3_PRESETS, type SmmuV3Options } from '../../src/index.js';
import { BLOCK, CD_FLAG, PAGE, S2_BLOCK, S2_PAGE, SmmuRig } from './rig.js';

/*
 * Every event that the unit raises, with the words of its record as the fact sheet lays them out. Those that it never raises are listed
 * in docs/smmuv3-deviations.md, and the last test keeps the two together.
 */

const STREAM = 0x18;
const IOVA = 0x4000_0000n;
const PA = 0x1_0000_0000n;
/** No memory there. */
const HOLE = 0x8000_0000n;

const READ = Access.READ;
const WRITE = Access.WRITE;
const RNW = 1n << 35n;
const IND = 1n << 34n;
const PNU = 1n << 33n;
const S2 = 1n << 39n;
const TTRNW = 1n << 44n;
const CLASS = { CD: 0n, TTD: 1n << 40n, IN: 2n << 40n } as const;

interface Case {
  readonly event: EventName;
  readonly when: string;
  readonly options?: SmmuV3Options;
  readonly setup: (rig: SmmuRig) => unknown;
  readonly iova?: bigint;
  readonly access?: number;
  readonly substream?: number;
  readonly stream?: number;
  /** Words 1, 2 and 3 of the record; word 0 follows from the request. Absent: there is no record. */
  readonly words: readonly [bigint, bigint, bigint] | null;
}

const page =
  (leaf: bigint, cd: Parameters<SmmuRig['stream']>[1] = {}, ste: Parameters<SmmuRig['stream']>[2] = {}) =>
  (rig: SmmuRig): void => {
    rig.map(rig.stream(STREAM, cd, ste), IOVA, leaf);
  };
const stage2Page =
  (leaf: bigint, ste: Parameters<SmmuRig['stage2']>[1] = {}) =>
  (rig: SmmuRig): void => {
    rig.map(rig.stage2(STREAM, ste), IOVA, leaf);
  };
/** Stage 1 maps IOVA to 0x70000000; stage 2 has the low 64 MiB one to one, and a page at 0x70000000. */
const nested =
  ({
    low = S2_BLOCK,
    page: at = PA | S2_PAGE,
    leaf = 0x7000_0000n | PAGE,
    ste = {} as Parameters<SmmuRig['ste']>[1],
  } = {}) =>
  (rig: SmmuRig): void => {
    const host = rig.page();
    const root = rig.stream(STREAM, {}, { config: 7n, s2ttb: host, ...ste });
    rig.map(root, IOVA, leaf);
    if (low !== 0n) for (let block = 0n; block < 0x400_0000n; block += 0x20_0000n) rig.map(host, block, block | low, 2);
    if (at !== 0n) rig.map(host, 0x7000_0000n, at);
  };
/** Where the first context descriptor of a rig lies, and the root after it. */
const CD_AT = 0x20_0000n;

const noRecord = { flags: CD_FLAG.A };

const cases: readonly Case[] = [
  {
    event: 'C_BAD_STREAMID',
    when: 'the StreamID is beyond the table',
    setup: () => undefined,
    stream: 0x200,
    words: [0n, 0n, 0n],
  },
  {
    event: 'C_BAD_STREAMID',
    when: 'and RECINVSID is 0: no record',
    setup: (rig) => rig.reprogram(0x2c, 0),
    stream: 0x200,
    words: null,
  },
  {
    event: 'F_STE_FETCH',
    when: 'the table is in a hole',
    setup: (rig) => rig.reprogram(0x80, HOLE),
    words: [0n, 0n, HOLE + 0x600n],
  },
  { event: 'C_BAD_STE', when: 'V is 0', setup: () => undefined, words: [0n, 0n, 0n] },
  {
    event: 'C_BAD_STE',
    when: 'stage 2 translates 64 bits',
    setup: stage2Page(PA | S2_PAGE, { s2t0sz: 0n }),
    words: [0n, 0n, 0n],
  },
  {
    event: 'F_BAD_ATS_TREQ',
    when: 'a translation request meets EATS = 0',
    setup: page(PA | PAGE),
    access: READ | Access.TRANSLATION_REQUEST,
    words: [RNW, IOVA, 0n],
  },
  {
    event: 'F_STREAM_DISABLED',
    when: 'S1DSS terminates requests without substream',
    setup: page(PA | PAGE, {}, { cdMax: 2n }),
    words: [0n, 0n, 0n],
  },
  {
    event: 'F_TRANSL_FORBIDDEN',
    when: 'a translated request meets EATS = 0',
    setup: (rig) => (page(PA | PAGE)(rig), rig.enable(0x10)),
    access: READ | Access.EXECUTE | Access.PRIVILEGED | Access.TRANSLATED,
    words: [RNW, IOVA, 0n],
  },
  {
    event: 'C_BAD_SUBSTREAMID',
    when: 'the stream has one context',
    setup: page(PA | PAGE),
    substream: 3,
    words: [0n, 0n, 0n],
  },
  {
    event: 'C_BAD_SUBSTREAMID',
    when: 'the substream is beyond the table',
    setup: page(PA | PAGE, {}, { cdMax: 2n, dss: 2n }),
    substream: 4,
    words: [0n, 0n, 0n],
  },
  {
    event: 'F_STREAM_DISABLED',
    when: 'substream 0 is for requests without one',
    setup: page(PA | PAGE, {}, { cdMax: 2n, dss: 2n }),
    substream: 0,
    words: [0n, 0n, 0n],
  },
  {
    event: 'C_BAD_SUBSTREAMID',
    when: 'stage 1 is bypassed',
    setup: (rig) => rig.ste(STREAM, { config: 4n }),
    substream: 1,
    words: [0n, 0n, 0n],
  },
  {
    event: 'C_BAD_SUBSTREAMID',
    when: 'the level 1 descriptor is invalid',
    setup: (rig) => rig.ste(STREAM, { cd: rig.page(), fmt: 1n, cdMax: 10n }),
    substream: 0x41,
    words: [0n, 0n, 0n],
  },
  {
    event: 'C_BAD_SUBSTREAMID',
    when: 'the level 1 descriptor points beyond the unit',
    setup: (rig) => {
      const top = rig.page();
      rig.store(top + 8n, (1n << 48n) | 1n);
      rig.ste(STREAM, { cd: top, fmt: 1n, cdMax: 10n });
    },
    substream: 0x41,
    words: [0n, 0n, 0n],
  },
  {
    event: 'F_CD_FETCH',
    when: 'the context descriptor is in a hole',
    setup: (rig) => rig.ste(STREAM, { cd: HOLE }),
    words: [0n, 0n, HOLE],
  },
  {
    event: 'F_CD_FETCH',
    when: 'stage 2 leads to a hole: its physical address',
    setup: (rig) => {
      const host = rig.page();
      rig.map(host, 0x7000_0000n, HOLE | S2_PAGE);
      rig.ste(STREAM, { config: 7n, cd: 0x7000_0040n, s2ttb: host });
    },
    words: [0n, 0n, HOLE + 0x40n],
  },
  {
    event: 'F_CD_FETCH',
    when: 'the level 1 table is in a hole',
    setup: (rig) => rig.ste(STREAM, { cd: HOLE, fmt: 2n, cdMax: 12n }),
    substream: 0x801,
    words: [0n, 0n, HOLE + 16n],
  },
  { event: 'C_BAD_CD', when: 'V is 0', setup: page(PA | PAGE, { valid: 0n }), words: [0n, 0n, 0n] },
  { event: 'C_BAD_CD', when: 'T0SZ is 15', setup: page(PA | PAGE, { t0sz: 15n }), words: [0n, 0n, 0n] },
  {
    event: 'F_WALK_EABT',
    when: 'a table is in a hole, whatever R says',
    setup: (rig) => rig.store(rig.entryAt(rig.stream(STREAM, noRecord), IOVA, 2), HOLE | 3n),
    words: [RNW | CLASS.TTD, IOVA, HOLE],
  },
  {
    event: 'F_WALK_EABT',
    when: 'a stage 2 table is in a hole',
    setup: (rig) => rig.store(rig.entryAt(rig.stage2(STREAM, { q2: 0n }), IOVA, 2), HOLE | 3n),
    words: [RNW | S2 | CLASS.IN, IOVA, HOLE],
  },
  {
    event: 'F_WALK_EABT',
    when: 'stage 2 leads a walk of stage 1 to a hole: the physical address of the descriptor, and stage 1',
    setup: (rig) => {
      nested({ page: HOLE | S2_PAGE })(rig);
      rig.store(0x20_2000n, 0x7000_0000n | 3n);
    },
    words: [RNW | CLASS.TTD, IOVA, HOLE + 8n],
  },
  {
    event: 'F_WALK_EABT',
    when: 'stage 2 cannot fetch a table for the context descriptor, whatever S2R says',
    setup: (rig) => {
      nested({ ste: { q2: 0n } })(rig);
      rig.store(0x20_0000n, HOLE | 3n);
    },
    words: [RNW | S2 | CLASS.CD, IOVA, HOLE],
  },
  { event: 'F_TRANSLATION', when: 'nothing is mapped', setup: page(0n), words: [RNW | CLASS.IN, IOVA, 0n] },
  {
    event: 'F_TRANSLATION',
    when: 'R is 0: no record',
    setup: page(0n, noRecord),
    words: null,
  },
  {
    event: 'F_TRANSLATION',
    when: 'a page descriptor has bit 1 clear',
    setup: page(PA | BLOCK),
    words: [RNW | CLASS.IN, IOVA, 0n],
  },
  {
    event: 'F_TRANSLATION',
    when: 'the address is wider than T0SZ says',
    setup: page(PA | PAGE, { t0sz: 25n }),
    iova: 1n << 40n,
    words: [RNW | CLASS.IN, 1n << 40n, 0n],
  },
  {
    event: 'F_TRANSLATION',
    when: 'EPD0 forbids walks; an instruction fetch, privileged',
    setup: page(PA | PAGE, { epd0: 1n }),
    access: READ | Access.EXECUTE | Access.PRIVILEGED,
    words: [RNW | IND | PNU | CLASS.IN, IOVA, 0n],
  },
  {
    event: 'F_TRANSLATION',
    when: 'stage 2 has nothing',
    setup: stage2Page(0n),
    access: WRITE,
    words: [S2 | CLASS.IN, IOVA, IOVA],
  },
  {
    event: 'F_TRANSLATION',
    when: 'S2R is 0: no record',
    setup: stage2Page(0n, { q2: 0n }),
    words: null,
  },
  {
    event: 'F_TRANSLATION',
    when: 'stage 2 has nothing for the context descriptor',
    setup: nested({ low: 0n }),
    words: [RNW | S2 | CLASS.CD, IOVA, CD_AT + 0x1000n],
  },
  {
    event: 'F_TRANSLATION',
    when: 'stage 2 has nothing for a table of stage 1',
    setup: (rig) => {
      nested()(rig);
      const root = 0x20_2000n;
      rig.store(root, 0x7100_0000n | 3n);
    },
    words: [RNW | S2 | CLASS.TTD, IOVA, 0x7100_0000n],
  },
  {
    event: 'F_TRANSLATION',
    when: 'stage 2 has nothing for the page',
    setup: nested({ page: 0n }),
    iova: IOVA + 0x123n,
    words: [RNW | S2 | CLASS.IN, IOVA + 0x123n, 0x7000_0000n],
  },
  {
    event: 'F_ADDR_SIZE',
    when: 'a page is beyond IPS',
    setup: page((1n << 40n) | PAGE, { ips: 1n }),
    words: [RNW | CLASS.IN, IOVA, 0n],
  },
  {
    event: 'F_ADDR_SIZE',
    when: 'a stage 2 page is beyond S2PS',
    setup: stage2Page((1n << 40n) | S2_PAGE, { s2ps: 1n }),
    words: [RNW | S2 | CLASS.IN, IOVA, IOVA],
  },
  {
    event: 'F_ADDR_SIZE',
    when: 'an address that bypasses both stages is wider than the unit',
    setup: (rig) => rig.ste(STREAM, { config: 4n }),
    iova: 1n << 48n,
    words: [RNW | CLASS.IN, 1n << 48n, 0n],
  },
  {
    event: 'F_ADDR_SIZE',
    when: 'an address that bypasses stage 1 is wider than the unit, whatever S2R and S2S say',
    setup: stage2Page(0n, { q2: 1n << 57n }),
    iova: 1n << 50n,
    words: [RNW | CLASS.IN, 1n << 50n, 0n],
  },
  {
    event: 'F_ADDR_SIZE',
    when: 'an address that bypasses stage 1 by S1DSS is wider than the unit',
    setup: page(PA | PAGE, {}, { cdMax: 2n, dss: 1n }),
    iova: 1n << 50n,
    words: [RNW | CLASS.IN, 1n << 50n, 0n],
  },
  {
    event: 'F_ACCESS',
    when: 'AF is 0 and nobody sets it',
    setup: page(PA | (PAGE & ~0x400n)),
    words: [RNW | CLASS.IN, IOVA, 0n],
  },
  {
    event: 'F_ACCESS',
    when: 'a stage 2 page has AF 0',
    setup: stage2Page(PA | (S2_PAGE & ~0x400n)),
    words: [RNW | S2 | CLASS.IN, IOVA, IOVA],
  },
  {
    event: 'F_PERMISSION',
    when: 'a page is read-only; a write is data',
    setup: page(PA | PAGE | 0x80n),
    access: WRITE | Access.EXECUTE,
    words: [CLASS.IN, IOVA, 0n],
  },
  {
    event: 'F_PERMISSION',
    when: 'a stage 2 page is write-only',
    setup: stage2Page(PA | (S2_PAGE & ~0x40n)),
    words: [RNW | S2 | CLASS.IN, IOVA, IOVA],
  },
  {
    event: 'F_PERMISSION',
    when: 'stage 2 hides the context descriptor',
    setup: nested({ low: S2_BLOCK & ~0x40n }),
    words: [RNW | S2 | CLASS.CD, IOVA, CD_AT + 0x1000n],
  },
  {
    event: 'F_PERMISSION',
    when: 'stage 2 hides a table of stage 1: TTRnW',
    setup: (rig) => {
      nested({ page: PA | (S2_PAGE & ~0x40n) })(rig);
      rig.store(0x20_2000n, 0x7000_0000n | 3n);
    },
    access: WRITE,
    words: [TTRNW | S2 | CLASS.TTD, IOVA, 0x7000_0000n],
  },
  {
    event: 'F_PERMISSION',
    when: 'stage 2 lets no accessed flag of stage 1 be set',
    setup: (rig) => {
      nested({ low: S2_BLOCK & ~0x80n, leaf: 0x7000_0000n | (PAGE & ~0x400n) })(rig);
      rig.store(CD_AT + 0x1000n, rig.load(CD_AT + 0x1000n) | CD_FLAG.HA);
    },
    words: [RNW | S2 | CLASS.TTD, IOVA, 0x20_5000n],
  },
  {
    event: 'F_TLB_CONFLICT',
    when: 'a block takes the place of cached pages',
    options: { idr3: SMMU_V3_PRESETS.server.idr3 & ~0x1800 },
    setup: (rig) => {
      const root = rig.stream(STREAM);
      rig.map(root, IOVA + 0x1000n, PA | PAGE);
      rig.enable();
      rig.ask(STREAM, IOVA + 0x1000n);
      rig.map(root, IOVA, PA | BLOCK, 2);
      // The link is dropped, the page is not.
      rig.submit([0x1_0000_0000_0012n, IOVA]);
    },
    words: [RNW | CLASS.IN, IOVA, 0n],
  },
];

describe('events', () => {
  it.each(cases)('$event: $when', ({ event, options, setup, words, ...request }) => {
    const rig = new SmmuRig(options);
    rig.enable();
    setup(rig);
    rig.unit.write32(0x20, rig.read(0x20));
    const { iova = IOVA, access = READ, substream = NO_PASID, stream = STREAM } = request;
    expect(rig.ask(stream, iova, access, substream)).toBe(event);
    expect(rig.unit.translation.fault).toMatchObject({ code: EventId[event], requesterId: stream, iova });
    const records = rig.events();
    if (words === null) {
      expect(records).toEqual([]);
      expect(rig.unit.translation.fault).toMatchObject({ recorded: 'suppressed', record: [] });
      return;
    }
    const ssv = event === 'C_BAD_SUBSTREAMID' ? 0n : 1n << 11n;
    const identity = substream === NO_PASID ? 0n : ssv | (BigInt(substream) << 12n);
    const record = [BigInt(EventId[event]) | identity | (BigInt(stream) << 32n), ...words];
    expect(records).toEqual([record]);
    expect(rig.unit.translation.fault).toMatchObject({ recorded: 'recorded', record });
  });

  it('are all reached, or listed with the reason why not', () => {
    const docs = readFileSync(new URL('../../../../docs/smmuv3-deviations.md', import.meta.url), 'utf8');
    const section = docs.slice(docs.indexOf('## Events that the model does not raise'));
    const listed = [...section.slice(0, section.indexOf('\n## ', 3)).matchAll(/^\| ([A-Z_]+) \|/gm)].map(
      ([, name]) => name,
    );
    const reached = new Set<string>(cases.map(({ event }) => event));
    expect(listed.filter((name) => reached.has(name!))).toEqual([]);
    expect([...reached, ...listed].toSorted()).toEqual(Object.keys(EventId).toSorted());
  });
});
