import { describe, expect, it } from 'vitest';
import { firstStageFormat } from '../../src/index.js';

const variant = { hostAddressWidth: 46, superpage1G: true, noExecute: true, extendedAccessed: false };
const HIGH = 0x000f_c000_0000_0000n;
const XD = 1n << 63n;

describe('first-stage format', () => {
  it('reserves the alignment of large pages, but not their PAT bit', () => {
    const { levels } = firstStageFormat(variant);
    expect(levels.map(({ leaf }) => leaf?.reserved)).toEqual([
      HIGH,
      HIGH | 0x1f_e000n,
      HIGH | 0x3fff_e000n,
      undefined,
      undefined,
    ]);
  });

  it('reserves PS where there are no pages', () => {
    expect(firstStageFormat(variant).levels.map(({ table }) => table?.reserved)).toEqual([
      undefined,
      HIGH,
      HIGH,
      HIGH | 0x80n,
      HIGH | 0x80n,
    ]);
    expect(firstStageFormat({ ...variant, superpage1G: false }).levels[2]).toMatchObject({
      leaf: null,
      table: { reserved: HIGH | 0x80n },
    });
  });

  it('reserves XD without NXE, and takes rights with it', () => {
    const off = firstStageFormat({ ...variant, noExecute: false });
    expect(off.levels[0]?.leaf?.reserved).toBe(HIGH | XD);
    expect(off.permissions).toMatchObject({ forbidding: 0n, execute: 0n, write: 2n, unprivileged: 4n });
    expect(firstStageFormat(variant).permissions).toMatchObject({ forbidding: XD, execute: XD });
  });
});
