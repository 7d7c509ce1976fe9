import { createTestMachine, type TestMachineOptions } from '@ioasis/testkit';
import { intelVtd } from '@ioasis/hw-intel-vtd';

const IOVA = 0x4000_0000n;
const PAGE = 0x1000;

/**
 * A machine on which each turn is a map, ten reads by the device, and an unmap. hookless.ts loads this module once with the packages as they
 * are and once without hooks.
 */
export function turnsOn(options: Omit<TestMachineOptions, 'backend'>): (turns: number) => void {
  const pc = createTestMachine({ backend: intelVtd(), ...options });
  const buffer = pc.buffer(PAGE);
  const { port } = pc.plugged;
  return (turns) => {
    for (let turn = 0; turn < turns; turn++) {
      pc.map(buffer, IOVA);
      for (let read = 0; read < 10; read++) {
        if (port.read(IOVA, 64).status !== 'ok') throw new Error('a read was refused');
      }
      pc.unmap(IOVA, BigInt(PAGE));
    }
  };
}
