import { expect, it } from 'vitest';
import { isBusMaster, pciConfig, signalInterrupt } from '../../src/index.js';

const config = () =>
  pciConfig({
    vendorId: 0x1234,
    deviceId: 0x5678,
    classCode: 0x01_08_02,
    revision: 3,
    subsystemVendorId: 0x1af4,
    subsystemId: 0x1100,
    command: 0x0003,
    bar0: 0xfeb0_0000,
    interruptLine: 0x0b,
  });

it('lays a type 0 header out as PCI 3.0, 6.1 has it, with MSI as its one capability', () => {
  expect(Buffer.from(config().subarray(0, 0x44)).toString('hex')).toBe(
    ['34127856', '03001000', '03020801', '00000000', '0000b0fe'].join('') +
      '00'.repeat(24) +
      ['f41a0011', '00000000', '40000000', '00000000', '0b010000', '05008000'].join(''),
  );
});

it('says whether the function may master the bus, and which interrupt is enabled', () => {
  const bytes = config();
  const kinds: string[] = [];
  expect(isBusMaster(bytes)).toBe(false);
  bytes[4] = 0x07;
  expect(isBusMaster(bytes)).toBe(true);
  signalInterrupt(bytes, (kind, vector) => kinds.push(`${kind} ${vector}`));
  bytes[0x42] = 0x81;
  signalInterrupt(bytes, (kind, vector) => kinds.push(`${kind} ${vector}`));
  signalInterrupt(bytes, undefined);
  expect(kinds).toEqual(['intx 0', 'msi 0']);
});
