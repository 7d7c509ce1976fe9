import { Access, type Endpoint, type PageGroupResponse } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import type { VtdPageRequest } from '../../src/index.js';
import { VtdRig } from './rig.js';

const PQH = 0xc0;
const PQT = 0xc8;
const PQA = 0xd0;
const PRS = 0xdc;
const PECTL = 0xe0;
const QUEUE = 0x12_0000n;
const DEVICE = 0x0018;

const request: VtdPageRequest = {
  requesterId: DEVICE,
  pasid: 0x42,
  address: 0x7fff_1234_5678n,
  read: true,
  write: true,
  groupIndex: 0x155,
  lastInGroup: true,
};

function make(): { rig: VtdRig; responses: PageGroupResponse[] } {
  const rig = new VtdRig({ preset: 'full' });
  // DTE, PASIDE and PRE; the PASID passes through.
  rig.pasid(rig.scalableContext(DEVICE, { low: 0x41cn }), 0x42, { q0: 0x109n, q1: 5n });
  rig.write(PQA, QUEUE);
  const responses: PageGroupResponse[] = [];
  const endpoint: Endpoint = {
    invalidateTlb: () => 0,
    pageGroupResponse: (response) => responses.push(response),
  };
  rig.unit.connectEndpoint(DEVICE, endpoint);
  return { rig: rig.enable('scalable'), responses };
}

const PAGE = 0x4000_0000n;
const TARGET = 0x1_0000_0000n;

/** Pointers of a PASID entry, second and first stage, and the edit that allows writing to the page. */
function second(rig: VtdRig) {
  const root = rig.page();
  const at = rig.map(root, PAGE, TARGET | 1n);
  return { words: [root, 0n] as const, grant: () => rig.store(at, TARGET | 3n) };
}

function first(rig: VtdRig) {
  const root = rig.page();
  const at = rig.mapFirst(root, PAGE, TARGET | 0x65n);
  return { words: [0n, root] as const, grant: () => rig.store(at, TARGET | 0x67n) };
}

function nested(rig: VtdRig) {
  const [host, guest] = [rig.page(), rig.page()];
  rig.mapFirst(guest, PAGE, 0x7000_0067n);
  for (let at = 0x20_0000n; at < 0x2c_0000n; at += 0x1000n) rig.map(host, at, at | 3n);
  const at = rig.map(host, 0x7000_0000n, TARGET | 1n);
  return { words: [host, guest] as const, grant: () => rig.store(at, TARGET | 3n) };
}

describe('page requests', () => {
  it('are written as the fact sheet has them', () => {
    const { rig } = make();
    expect(rig.unit.requestPage({ ...request, privateData: 0x1111_2222_3333_4444_5555_6666_7777_8888n })).toBe(
      'queued',
    );
    expect(rig.register(PQT)).toBe(0x20n);
    // Type 1, PP, private data; RID [31:16], PASID [51:32].
    expect(rig.load(QUEUE)).toBe(0x0000_0042_0018_0301n);
    // RD, WR, LPIG, PRGI [11:3], page address.
    expect(rig.load(QUEUE + 8n)).toBe(0x7fff_1234_5000n | (0x155n << 3n) | 7n);
    expect([rig.load(QUEUE + 16n), rig.load(QUEUE + 24n)]).toEqual([0x5555_6666_7777_8888n, 0x1111_2222_3333_4444n]);
  });

  it('set PPR and send the event once until software clears it', () => {
    const { rig } = make();
    rig.unit.write32(PECTL + 8, 0xfee0_3000 | 0);
    rig.unit.write32(PECTL + 4, 0x77);
    rig.unit.write32(PECTL, 0);
    rig.unit.requestPage(request);
    rig.unit.requestPage(request);
    expect(rig.unit.read32(PRS)).toBe(1);
    expect(rig.messages).toEqual([[0xfee0_3000n, 0x77]]);
    rig.unit.write32(PRS, 1);
    rig.unit.requestPage(request);
    expect(rig.messages).toHaveLength(2);
  });

  it('overflow when one slot is left; the unit answers the last of a group itself', () => {
    const { rig, responses } = make();
    for (let at = 0; at < 127; at++) expect(rig.unit.requestPage(request)).toBe('queued');
    expect(rig.unit.requestPage({ ...request, lastInGroup: false })).toBe('lost');
    expect(responses).toEqual([]);
    expect(rig.unit.read32(PRS)).toBe(3);
    rig.write(PQH, 0x40n);
    expect(rig.unit.requestPage(request), 'PRO is still set').toBe('answered');
    expect(responses).toEqual([{ requesterId: DEVICE, pasid: 0x42, groupIndex: 0x155, code: 0 }]);
    rig.unit.write32(PRS, 2);
    expect(rig.unit.requestPage(request)).toBe('queued');
    expect(rig.register(PQT), 'wrapped').toBe(0n);
  });

  /** PASID 0x42 gets a right that its IOTLB entry does not have. Software need not invalidate before it answers (VT-d 6.5.3.1). */
  it.each([
    ['first stage', 0x41n, (rig: VtdRig) => first(rig)],
    ['second stage', 0x89n, (rig: VtdRig) => second(rig)],
    ['nested', 0xc9n, (rig: VtdRig) => nested(rig)],
  ] as const)('drop what was cached of their page: %s', (_, low, build) => {
    const { rig } = make();
    const { words, grant } = build(rig);
    const directory = rig.load(rig.scalableContextAt(DEVICE)) & ~0xfffn;
    rig.pasid(directory, 0x42, { q0: words[0] | low, q1: 6n, q2: words[1] });
    rig.submit([0x37n, 0n], [0x12n, 0n]);
    const page = 0x4000_0000n;
    const write = (): string => rig.ask(DEVICE, page, Access.WRITE, 0x42);
    expect(rig.ask(DEVICE, page, Access.READ, 0x42)).toBe('0x100000000');
    grant();
    const { iotlb } = rig.unit.caches;
    expect(iotlb.lookup(0, Number(page), 6, 0x42)).toBe(true);
    expect(rig.unit.requestPage({ ...request, address: page })).toBe('queued');
    expect(iotlb.lookup(0, Number(page), 6, 0x42)).toBe(false);
    // Whose host address the page has is not known: the whole domain goes, links of the host included.
    expect(rig.unit.caches.secondStage.find(0, 0x7000_0000, 6, -1)).toBe(false);
    expect(write()).toBe('0x100000000');
  });

  it('with FPD in the PASID entry are refused without a record', () => {
    const { rig } = make();
    const directory = rig.load(rig.scalableContextAt(DEVICE)) & ~0xfffn;
    rig.pasid(directory, 0x43, { q0: 2n });
    expect(rig.unit.requestPage({ ...request, pasid: 0x43 })).toBe('refused');
    expect(rig.unit.translation.fault).toMatchObject({ name: 'PASID_ENTRY_NOT_PRESENT', recorded: 'suppressed' });
  });

  it.each([
    ['reserved', 'TABLE_MODE_INVALID'],
    ['abort', 'ABORT_DMA_MODE'],
    ['legacy', 'PAGE_REQUEST_IN_LEGACY_MODE'],
  ] as const)('in table mode %s are refused', (mode, reason) => {
    const rig = new VtdRig({ preset: 'full' }).enable(mode, { queue: false });
    expect(rig.unit.requestPage(request)).toBe('refused');
    expect(rig.unit.translation.fault?.name).toBe(reason);
  });

  it('are answered by a page-group response descriptor', () => {
    const { rig, responses } = make();
    rig.submit([9n | (1n << 4n) | (1n << 12n) | (0x18n << 16n) | (0x42n << 32n), (0x155n << 3n) | 4n]);
    expect(responses).toEqual([{ requesterId: DEVICE, pasid: 0x42, groupIndex: 0x155, code: 1 }]);
    rig.submit([9n | (0xfn << 12n) | (0x18n << 16n), 3n << 3n]);
    expect(responses[1]).toEqual({ requesterId: DEVICE, pasid: undefined, groupIndex: 3, code: 15 });
  });

  it('of a device that may not send them are refused and answered "invalid request"', () => {
    const { rig, responses } = make();
    rig.store(rig.scalableContextAt(DEVICE), rig.load(rig.scalableContextAt(DEVICE)) & ~0x10n);
    expect(rig.unit.requestPage(request)).toBe('refused');
    expect(responses).toMatchObject([{ code: 1 }]);
    expect(rig.unit.translation.fault).toMatchObject({ name: 'PAGE_REQUEST_DISABLED', recorded: 'recorded' });
  });
});
