import { isLeft, isRight } from 'fp-ts/lib/Either.js';
import { describe, expect, it } from 'vitest';
import { decodeVtdOptions, scenarioOptions, VTD_PRESETS, VtdUnit, type VtdConfiguration } from '../src/index.js';
import { VtdRig } from './unit/rig.js';

const message = (input: unknown): string => {
  const decoded = decodeVtdOptions(input);
  return isLeft(decoded) ? decoded.left : 'accepted';
};
const decoded = (input: unknown): VtdConfiguration => {
  const result = decodeVtdOptions(input);
  if (isRight(result)) return result.right;
  throw new Error(result.left);
};

describe('wrong options name the path, the value and what is allowed', () => {
  it.each<[string, unknown, string]>([
    ['a string', 'fast', 'VT-d options: options is "fast", expected an object with the keys'],
    ['an unknown key', { adressWidth: 48 }, '"adressWidth", expected one of the keys preset, cap, ecap'],
    ['a width', { addressWidth: 40 }, 'addressWidth is 40, expected one of 39, 48, 57'],
    ['a preset', { preset: 'i486' }, 'preset is "i486", expected one of qemu-q35-39bit'],
    ['a register as a number', { cap: 1 }, 'cap is 1, expected an unsigned 64-bit bigint'],
    ['a register that is too wide', { ecap: 1n << 64n }, 'ecap is 0x10000000000000000'],
    [
      'a cache size',
      { caches: { iotlbEntries: 100 } },
      'caches.iotlbEntries is 100, expected a power of two up to 65536, or 0',
    ],
    ['a key inside caches', { caches: { iotlb: 4 } }, 'expected one of the keys contextEntries'],
    ['a page size', { pageSizes: ['2M', '512G'] }, 'pageSizes is ["2M","512G"], expected a list of 2M, 1G'],
    [
      'a window',
      { msiWindow: { start: 0n, last: 5n } },
      'msiWindow is {"start":"0x0","last":"0x5"}, expected { start, last }',
    ],
    ['fault records that do not fit', { faultRecords: 256 }, 'expected FRO and NFR'],
    ['registers that overlap', { cap: 0xf_0000_0000n }, 'cap is 0xf00000000, expected'],
  ])('%s', (_, input, text) => {
    expect(message(input)).toContain(text);
  });

  it('the unit throws the same message', () => {
    expect(() => new VtdUnit({ memory: new VtdRig().memory, options: { faultRecords: 0 } })).toThrow(
      'faultRecords is 0, expected an integer from 1 to 256',
    );
  });
});

describe('knobs change fields of the registers', () => {
  it('and nothing else', () => {
    const { capabilities } = decoded({ preset: 'qemu-q35-48bit', addressWidth: 39, cachingMode: false });
    expect(capabilities.cap).toBe(0xd2_008c_2226_0206n);
    expect(decoded({ addressWidth: 57 }).capabilities).toMatchObject({ guestAddressWidth: 57 });
    expect(decoded({ coherent: true, snoopControl: true, passThrough: false }).capabilities.ecap).toBe(
      0x1_0000_00f0_0f8bn,
    );
    expect(decoded({ pageSizes: ['2M'] }).capabilities).toMatchObject({ superpage2M: true, superpage1G: false });
  });

  it('software reads them', () => {
    const rig = new VtdRig({ preset: 'xeon-sapphire-rapids' });
    expect(rig.register(0x08)).toBe(0x19ed_008c_4078_0c66n);
    expect(rig.register(0x10)).toBe(0x3_ee9e_86f0_50dfn);
    expect(rig.unit.read32(0)).toBe(0x60);
  });

  it('caches: false switches every cache off', () => {
    expect(decoded({ caches: false }).caches).toMatchObject({
      contextEntries: 0,
      pasidEntries: 0,
      iotlbEntries: 0,
      pagingEntries: 0,
    });
  });

  it.each(Object.keys(VTD_PRESETS))('preset %s makes a unit', (preset) => {
    expect(decoded({ preset }).capabilities.cap).toBe(VTD_PRESETS[preset as keyof typeof VTD_PRESETS].cap);
  });
});

describe('scenario configurations', () => {
  it.each([
    [{ aw_bits: 39 }, 0xd2_008c_2226_0206n, 0xf42n],
    [{ aw_bits: 48, scalable: true }, 0xd2_008c_222f_0606n, 0x4800_8000_0f42n],
    [{ aw_bits: 48, pt: false }, 0xd2_008c_222f_0606n, 0xf02n],
    [{ aw_bits: 39, caching_mode: true }, 0xd2_008c_2226_0286n, 0xf42n],
  ])('%j', (config, cap, ecap) => {
    const { capabilities } = decoded(scenarioOptions(config, true));
    expect([capabilities.cap, capabilities.ecap, capabilities.hostAddressWidth]).toEqual([cap, ecap, config.aw_bits]);
  });

  it('another width is refused', () => {
    expect(() => scenarioOptions({ aw_bits: 57 }, true)).toThrow('aw_bits is 57');
  });
});
