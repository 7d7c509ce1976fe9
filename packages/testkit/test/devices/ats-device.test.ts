import { describe, expect, it } from 'vitest';
import '@ioasis/testkit/vitest';
import { PrgResponseCode, type PageRequestMessage, type TranslationUnit } from '@ioasis/core';
import { AtsDriver, eachBackend, enableFeatures } from '../../src/index.js';
import { atsMachine, atsVendors } from './ats-machine.js';
import { invalidation } from './ats-invalidation.js';

const DATA = 0x4000_0000n;
/** The unit with some of its members replaced, and without a way back to the device. */
const replaced = (unit: TranslationUnit, members: Partial<TranslationUnit>): TranslationUnit =>
  Object.assign(Object.create(unit) as TranslationUnit, {
    translate: unit.translate.bind(unit),
    connectEndpoint: () => undefined,
    ...members,
  });
const asking = (unit: TranslationUnit, ask: (request: PageRequestMessage) => void): TranslationUnit =>
  replaced(unit, {
    requestPage(request) {
      ask(request);
      return 'queued';
    },
  });
const EVERYTHING = { pasid: undefined, startHi: 0, startLo: 0, lastHi: -1, lastLo: -1 };

eachBackend(describe, atsVendors, (backend) => {
  it('translates once, keeps the answer, and sends physical addresses', () => {
    const pc = atsMachine(backend);
    const buffer = pc.buffer(0x2000);
    buffer.write(0xffe, Uint8Array.of(1, 2, 3, 4));
    pc.map(buffer, DATA);
    const driver = new AtsDriver(pc.vfio);
    expect(driver.transfer({ direction: 'to-device', iova: DATA + 0xffen, bytes: 4, offset: 8 })).toBe('done');
    expect([...pc.device.buffer.subarray(7, 13)]).toEqual([0, 1, 2, 3, 4, 0]);
    expect(pc.device.transfers.map(({ pieces }) => pieces[0]!.iova)).toEqual([buffer.paOf(0xffe), buffer.paOf(0x1000)]);
    const asked = pc.device.tlb!.requests;
    expect(driver.transfer({ direction: 'from-device', iova: DATA + 0xffen, bytes: 4 })).toBe('done');
    expect(pc.device.tlb!.requests).toBe(asked);
    expect([...buffer.read(0xffe, 4)]).toEqual([0, 0, 0, 0]);
  });

  it('reaches an unmapped page until it is told to forget it', () => {
    const pc = atsMachine(backend);
    const buffer = pc.buffer(Uint8Array.of(7));
    pc.map(buffer, DATA);
    const driver = new AtsDriver(pc.vfio);
    const read = () => driver.transfer({ direction: 'to-device', iova: DATA, bytes: 1 });
    expect(read()).toBe('done');
    pc.unmap(DATA, buffer.bytes);
    // The driver knows of no device TLB: this is what a forgotten device-TLB invalidation is.
    expect(read()).toBe('done');
    expect(pc.device.invalidateTlb({ ...EVERYTHING, startHi: 1 })).toBe(0);
    expect(pc.device.invalidateTlb(EVERYTHING)).toBe(1);
    expect(read()).toBe('failed');
  });

  it('forgets a page when the unit has an invalidation command for it, and only that page', () => {
    const pc = atsMachine(backend);
    const invalidatePage = invalidation(pc);
    pc.map(pc.buffer(0x2000), DATA);
    const driver = new AtsDriver(pc.vfio);
    const read = (iova: bigint) => driver.transfer({ direction: 'to-device', iova, bytes: 1 });
    expect([read(DATA), read(DATA + 0x1000n)]).toEqual(['done', 'done']);
    pc.unmap(DATA, 0x2000n);
    invalidatePage(DATA);
    expect([read(DATA), read(DATA + 0x1000n)]).toEqual(['failed', 'done']);
    invalidatePage(DATA + 0x1000n);
    expect(read(DATA + 0x1000n)).toBe('failed');
  });

  it('asks for a missing page and goes on when it has come', () => {
    const pc = atsMachine(backend);
    enableFeatures(pc.device.config, { ats: true, pri: true });
    const buffer = pc.buffer(Uint8Array.of(5));
    const requests: PageRequestMessage[] = [];
    pc.device.link(asking(pc.unit, (request) => requests.push(request)));
    const driver = new AtsDriver(pc.vfio);
    expect(driver.transfer({ direction: 'to-device', iova: DATA + 4n, bytes: 1 })).toBe('waiting');
    expect(requests).toEqual([
      {
        requesterId: pc.requesterId,
        pasid: undefined,
        address: DATA,
        read: true,
        write: false,
        groupIndex: 0,
        lastInGroup: true,
      },
    ]);
    pc.map(buffer, DATA);
    buffer.write(4, Uint8Array.of(6));
    const answer = { requesterId: pc.requesterId, pasid: undefined, code: PrgResponseCode.SUCCESS };
    pc.device.pageGroupResponse({ ...answer, groupIndex: 3 });
    expect(driver.progress).toBe('waiting');
    pc.device.pageGroupResponse({ ...answer, groupIndex: 0 });
    expect(driver.progress).toBe('done');
    expect(pc.device.buffer[0]).toBe(6);
  });

  it('fails when the page is refused, and when it never comes', () => {
    const pc = atsMachine(backend);
    enableFeatures(pc.device.config, { ats: true, pri: true });
    let asked = 0;
    const answering = (code: number): TranslationUnit =>
      asking(pc.unit, ({ requesterId, pasid, groupIndex }) => {
        asked++;
        pc.device.pageGroupResponse({ requesterId, pasid, groupIndex, code });
      });
    pc.device.link(answering(PrgResponseCode.SUCCESS));
    const driver = new AtsDriver(pc.vfio);
    expect(driver.transfer({ direction: 'from-device', iova: DATA, bytes: 1 })).toBe('failed');
    expect(asked).toBe(4);
    pc.device.link(answering(PrgResponseCode.INVALID_REQUEST));
    expect(driver.transfer({ direction: 'from-device', iova: DATA, bytes: 1 })).toBe('failed');
  });

  it('sends untranslated requests while ATS is off', () => {
    const pc = atsMachine(backend);
    enableFeatures(pc.device.config, {});
    pc.map(pc.buffer(Uint8Array.of(9)), DATA);
    const driver = new AtsDriver(pc.vfio);
    expect(driver.transfer({ direction: 'to-device', iova: DATA, bytes: 1 })).toBe('done');
    expect(pc.device.buffer[0]).toBe(9);
    expect(pc.device.tlb!.requests).toBe(0);
    expect(driver.transfer({ direction: 'to-device', iova: DATA + 0x1000n, bytes: 1 })).toBe('failed');
    expect(pc.device.transfers.at(-1)).toFault({ iova: DATA + 0x1000n });
  });
});

describe('AtsDevice', () => {
  const backend = atsVendors[0]!;

  it('has PCI Express, ATS, PRI and PASID capabilities, which VFIO shows as Linux does', () => {
    const pc = atsMachine(backend);
    const word = (at: number): number => {
      const read = pc.vfio.readConfig(at, 4);
      return read._tag === 'Right' ? new DataView(read.right.buffer, read.right.byteOffset).getUint32(0, true) : -1;
    };
    expect(word(0x60) & 0xff).toBe(0x10);
    expect((word(0x100) & 0xffff).toString(16)).toBe('f');
    expect((word(0x110) & 0xffff).toString(16)).toBe('13');
  });

  it('takes a PASID only when it is switched on, and asks with it', () => {
    const pc = atsMachine(backend);
    const driver = new AtsDriver(pc.vfio);
    const transfer = { direction: 'to-device', iova: DATA, bytes: 1, pasid: 5 } as const;
    expect(driver.transfer(transfer)).toBe('failed');
    expect(pc.device.tlb!.requests).toBe(0);
    enableFeatures(pc.device.config, { ats: true, pasid: true });
    const pasids: number[] = [];
    const { unit } = pc;
    pc.device.link(
      replaced(unit, {
        translate(requesterId, pasid, hi, lo, access) {
          pasids.push(pasid);
          return unit.translate(requesterId, pasid, hi, lo, access);
        },
      }),
    );
    expect(driver.transfer(transfer)).toBe('failed');
    expect(pasids).toEqual([5]);
  });

  it('makes no transfer that leaves its buffer, and forgets everything on reset', () => {
    const pc = atsMachine(backend);
    pc.map(pc.buffer(0x1000), DATA);
    const driver = new AtsDriver(pc.vfio);
    expect(driver.transfer({ direction: 'to-device', iova: DATA, bytes: 2, offset: 0xfff })).toBe('failed');
    expect(driver.transfer({ direction: 'to-device', iova: DATA, bytes: 1, offset: 0xfff })).toBe('done');
    expect(pc.device.tlb!.used).toBe(1);
    pc.device.reset();
    expect(pc.device.tlb!.used).toBe(0);
    expect(driver.progress).toBe('idle');
  });
});
