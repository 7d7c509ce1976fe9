import { describe, expect, it } from 'vitest';
import {
  Access,
  DmaEngine,
  iova,
  NO_PASID,
  PhysicalMemory,
  Translation,
  type HardwareFault,
  type TranslationUnit,
} from '../../src/index.js';

const BLOCKED = 0x3;
const NOWHERE = 0x5;

/** Maps IOVA frame n to physical frame 16 + n; frame 3 is refused and frame 5 leads to a hole. Only `translate` is used. */
function makeUnit(): { unit: TranslationUnit; requests: number[][] } {
  const requests: number[][] = [];
  const translation = new Translation();
  const fault = (code: number): HardwareFault => ({
    vendor: 'test',
    code,
    name: 'refused',
    requesterId: 8,
    pasid: undefined,
    iova: iova(0),
    access: 'read',
    recorded: 'recorded',
    record: [],
    details: {},
  });
  const translate: TranslationUnit['translate'] = (requesterId, pasid, iovaHi, iovaLo, access) => {
    requests.push([requesterId, pasid, iovaHi, iovaLo, access]);
    const frame = iovaLo >>> 12;
    translation.fault = frame === BLOCKED ? fault(6) : null;
    translation.paHi = frame === NOWHERE ? 9 : 0;
    translation.paLo = iovaLo + 0x1_0000;
    translation.permissions = Access.READ;
    return frame !== BLOCKED;
  };
  return { unit: { translation, translate } as unknown as TranslationUnit, requests };
}

function setUp(): { memory: PhysicalMemory; port: DmaEngine; requests: number[][] } {
  const memory = new PhysicalMemory({
    windows: [{ start: 0n, last: 0x2_ffffn }],
    arena: { start: 0x1_0000n, last: 0x1_ffffn },
  });
  const { unit, requests } = makeUnit();
  return { memory, port: new DmaEngine(unit, memory, 8), requests };
}

describe('DmaEngine', () => {
  it('writes and reads across frames, one translation for each piece', () => {
    const { memory, port, requests } = setUp();
    const data = Uint8Array.from({ length: 5000 }, (_, at) => at * 3);
    expect(port.write(0xffcn, data)).toEqual({
      status: 'ok',
      pieces: [
        { iova: 0xffcn, bytes: 4, pa: 0x1_0ffcn, fault: undefined },
        { iova: 0x1000n, bytes: 4096, pa: 0x1_1000n, fault: undefined },
        { iova: 0x2000n, bytes: 900, pa: 0x1_2000n, fault: undefined },
      ],
    });
    const seen = new Uint8Array(5000);
    memory.read(0x1_0ffcn, seen);
    expect(seen).toEqual(data);
    expect(port.read(0xffcn, 5000, 7).data).toEqual(data);
    expect(requests[0]).toEqual([8, NO_PASID, 0, 0xffc, Access.WRITE]);
    expect(requests[3]).toEqual([8, 7, 0, 0xffc, Access.READ]);
  });

  it('does the allowed part and says why the rest was refused', () => {
    const { memory, port } = setUp();
    const outcome = port.write(0x2ffen, new Uint8Array(0x2800).fill(1));
    expect(outcome.status).toBe('partial');
    expect(outcome.pieces.map(({ fault }) => (typeof fault === 'object' ? fault.code : fault))).toEqual([
      undefined,
      6,
      undefined,
      'bus-abort',
    ]);
    expect(outcome.pieces[1]?.pa).toBeUndefined();
    expect(outcome.pieces[3]?.pa).toBe(0x9_0001_5000n);
    const seen = new Uint8Array(1);
    memory.read(0x1_3000n, seen);
    expect(seen[0]).toBe(0);
    const read = port.read(0x2ffen, 0x1004);
    expect([read.status, ...read.data.subarray(0, 3), ...read.data.subarray(-2)]).toEqual(['partial', 1, 1, 0, 1, 1]);
    expect(port.read(0x3000n, 8)).toMatchObject({ status: 'blocked', data: new Uint8Array(8) });
    expect(port.counters).toEqual({ pieces: 8, blocked: 3, busAborts: 1, bytes: 2 + 4096 + 2 + 2 });
  });

  it('moves bytes between words without making values, and leaves refused ones alone', () => {
    const { memory, port } = setUp();
    const bytes = new Uint8Array(0x2000).fill(7);
    expect(port.transfer(0, 0x2800, bytes, 0x10, 0x1000, Access.WRITE)).toBe(0x800);
    bytes.fill(9);
    expect(port.transfer(0, 0x27fe, bytes, 4, 0x804, Access.READ)).toBe(0x802);
    expect([...bytes.subarray(3, 8), ...bytes.subarray(0x804, 0x808)]).toEqual([9, 0, 0, 7, 7, 7, 7, 9, 9]);
    expect(memory.deviceWriting).toBe(false);
  });

  it('carries into the high word of the address', () => {
    const { port, requests } = setUp();
    port.transfer(4, -8, new Uint8Array(16), 0, 16, Access.READ);
    port.transfer(-1, -8, new Uint8Array(16), 0, 16, Access.READ);
    expect(requests.map(([, , hi, lo]) => [hi, lo])).toEqual([
      [4, -8],
      [5, 0],
      [-1, -8],
      [0, 0],
    ]);
  });

  it('tells observers that a device writes', () => {
    const { memory, port } = setUp();
    const seen: unknown[] = [];
    memory.addObserver({ beforeWrite: (_, lo, bytes) => void seen.push([lo, bytes, memory.deviceWriting]) });
    port.write(0n, Uint8Array.of(1));
    memory.store32(0, 0x1_0000, 1);
    expect(seen).toEqual([
      [0x1_0000, 1, true],
      [0x1_0000, 4, false],
    ]);
  });

  it('asks for translations as ATS does', () => {
    const { port, requests } = setUp();
    expect(port.translate(0x1008n, true)).toEqual({
      pa: 0x1_1008n,
      pageBytes: 0x1000n,
      readable: true,
      writable: false,
    });
    expect(requests).toEqual([[8, NO_PASID, 0, 0x1008, Access.TRANSLATION_REQUEST | Access.READ | Access.WRITE]]);
    expect(port.translate(0x3000n, false)).toEqual({ pa: undefined, pageBytes: 0n, readable: false, writable: false });
  });

  it('marks requests whose address an ATS translation gave', () => {
    const { port, requests } = setUp();
    port.read(0x1000n, 4, NO_PASID, true);
    port.write(0x1000n, Uint8Array.of(1), 7, true);
    expect(requests.map(([, pasid, , , access]) => [pasid, access])).toEqual([
      [NO_PASID, Access.READ | Access.TRANSLATED],
      [7, Access.WRITE | Access.TRANSLATED],
    ]);
  });
});
