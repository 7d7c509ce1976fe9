import { describe, expect, it } from 'vitest';
import type { Endpoint, PageGroupResponse, VtdPageRequest } from '../../src/index.js';
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
    invalidateTlb: () => 'completed',
    pageGroupResponse: (response) => responses.push(response),
  };
  rig.unit.connectEndpoint(DEVICE, endpoint);
  return { rig: rig.enable('scalable'), responses };
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
    expect(rig.unit.requestPage({ ...request, lastInGroup: false })).toBe('overflow');
    expect(responses).toEqual([]);
    expect(rig.unit.read32(PRS)).toBe(3);
    rig.write(PQH, 0x40n);
    expect(rig.unit.requestPage(request), 'PRO is still set').toBe('overflow');
    expect(responses).toEqual([{ requesterId: DEVICE, pasid: 0x42, groupIndex: 0x155, code: 0 }]);
    rig.unit.write32(PRS, 2);
    expect(rig.unit.requestPage(request)).toBe('queued');
    expect(rig.register(PQT), 'wrapped').toBe(0n);
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
