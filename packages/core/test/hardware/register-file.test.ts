import { describe, expect, it } from 'vitest';
import { RegisterFile, type RegisterDefinition, type RegisterSink } from '../../src/hardware/register-file.js';

class Recorder implements RegisterSink {
  readonly calls: [hook: number, hi: number, lo: number, halves: number][] = [];
  file: RegisterFile | undefined;
  registerWritten(hook: number): void {
    this.calls.push([hook, this.file!.writtenHi, this.file!.writtenLo, this.file!.writtenHalves]);
  }
}

const table: readonly RegisterDefinition[] = [
  { name: 'VER', offset: 0, bytes: 4, reset: 0x10n },
  { name: 'CTL', offset: 4, bytes: 4, reset: 0x8000_0000n, rw: 0xffn, hook: 1 },
  { name: 'STS', offset: 8, bytes: 4, w1c: 0x3n, rw: 0x100n },
  { name: 'CMD', offset: 12, bytes: 4, wo: 0xffff_ffffn, hook: 2 },
  { name: 'PTR', offset: 16, bytes: 8, rw: 0xffff_ffff_ffff_f000n, hook: 3 },
  { name: 'LOCK', offset: 24, bytes: 8, once: 0xff_0000_00ffn },
];

function make(): { file: RegisterFile; sink: Recorder } {
  const sink = new Recorder();
  const file = new RegisterFile(64, table, sink, [{ offset: 48, of: 16, bytes: 8 }]);
  sink.file = file;
  return { file, sink };
}

describe('RegisterFile', () => {
  it('keeps read-only bits and stores only writable ones', () => {
    const { file } = make();
    file.write32(0, -1);
    file.write32(4, 0x1234);
    expect(file.read32(0)).toBe(0x10);
    expect(file.read32(4)).toBe(0x8000_0034 | 0);
  });

  it('clears W1C bits where a 1 is written and leaves the others', () => {
    const { file } = make();
    file.set(8, 0x7);
    file.write32(8, 0x105);
    expect(file.read32(8)).toBe(0x106);
  });

  it('reads write-only bits as 0 and shows them to the hook', () => {
    const { file, sink } = make();
    file.write32(12, 0x4000_0000);
    expect(file.read32(12)).toBe(0);
    expect(sink.calls).toEqual([[2, 0, 0x4000_0000, 1]]);
  });

  it('reports one 8-byte store once, with both halves', () => {
    const { file, sink } = make();
    file.write64(16, 0x1, 0x2345_6789);
    expect(file.read32(16)).toBe(0x2345_6000);
    expect(file.read32(20)).toBe(1);
    expect(sink.calls).toEqual([[3, 1, 0x2345_6789, 3]]);
  });

  it('reports each half of a split store, with the other half 0', () => {
    const { file, sink } = make();
    file.write32(16, 0x1000);
    file.write32(20, 7);
    expect(sink.calls).toEqual([
      [3, 0, 0x1000, 1],
      [3, 7, 0, 2],
    ]);
  });

  it('an 8-byte store over two registers reaches both', () => {
    const { file, sink } = make();
    file.write64(8, 5, 0x100);
    expect(file.read32(8)).toBe(0x100);
    expect(sink.calls).toEqual([[2, 0, 5, 1]]);
  });

  it('takes write-once bits until the first write, and again after reset', () => {
    const { file } = make();
    file.write32(24, 0x11);
    file.write64(24, 0x22, 0x22);
    expect(file.read32(24)).toBe(0x11);
    expect(file.read32(28)).toBe(0);
    file.reset();
    file.write64(24, 0x22, 0x22);
    expect([file.read32(24), file.read32(28)]).toEqual([0x22, 0x22]);
  });

  it('shows the same register through an alias', () => {
    const { file, sink } = make();
    file.write64(48, 0, 0x5000);
    expect(file.read32(16)).toBe(0x5000);
    expect(file.read32(48)).toBe(0x5000);
    expect(sink.calls).toEqual([[3, 0, 0x5000, 3]]);
  });

  it('reads 0 and ignores writes outside, between registers and off word', () => {
    const { file, sink } = make();
    for (const offset of [-4, 2, 40, 64, 1 << 20]) {
      file.write32(offset, -1);
      expect(file.read32(offset)).toBe(0);
    }
    expect(sink.calls).toEqual([]);
  });

  it('goes back to reset values', () => {
    const { file } = make();
    file.write32(4, 0xff);
    file.reset();
    expect(file.read32(4)).toBe(0x8000_0000 | 0);
  });

  it.each<[string, RegisterDefinition[]]>([
    ['overlap', [table[4]!, { name: 'X', offset: 20, bytes: 4 }]],
    ['two rules', [{ name: 'X', offset: 0, bytes: 4, rw: 1n, w1c: 1n }]],
    ['wider', [{ name: 'X', offset: 0, bytes: 4, rw: 0x1_0000_0000n }]],
    ['not a word', [{ name: 'X', offset: 64, bytes: 4 }]],
  ])('refuses a wrong table: %s', (message, wrong) => {
    expect(() => new RegisterFile(64, wrong, new Recorder())).toThrow(message);
  });
});
