import { Prot, VfioExtension } from '@ioasis/core';
import { expect, it } from 'vitest';
import { ClassicContainer, MapFlag, UnmapFlag, type MediatedDevice, type MediatedPort } from '../../src/index.js';
import { BUFFER, codeOf, must, TestMachine } from '../support/vfio-machine.js';

const RW = Prot.READ | Prot.WRITE;

/** A driver that pins pages and gives them back when it is told to. */
class Driver implements MediatedDevice {
  readonly test = new TestMachine({ personality: 'type1' });
  readonly container: ReturnType<TestMachine['container']>;
  readonly port: MediatedPort;

  constructor(type: number = VfioExtension.TYPE1V2) {
    this.container = this.test.container1(type).container;
    const file = this.test.process.fileOf(this.container.fd);
    if (!(file instanceof ClassicContainer)) throw new Error('not the classic container');
    this.port = file.mediate(this);
  }

  dmaUnmap(iova: bigint, size: bigint): void {
    for (let page = iova; page < iova + size; page += 0x1000n) this.port.unpin(page);
  }
}

it('pins a page once more than the IOMMU does, however often it is asked', () => {
  const { test, container, port } = new Driver();
  must(container.mapDma({ vaddr: BUFFER, iova: 0x1000n, size: 0x2000n }));
  const frame = must(port.pin(0x2000n, RW));
  expect(must(port.pin(0x2000n, Prot.READ))).toBe(frame);
  expect([test.machine.pages.pinCount, test.process.addressSpace.lockedPages]).toEqual([3, 2]);
  test.process.addressSpace.poke(BUFFER + 0x1000n, Uint8Array.of(7));
  const seen = new Uint8Array(1);
  test.machine.memory.readBytes(Math.floor(frame / 2 ** 20), (frame << 12) | 0, seen, 0, 1);
  expect([...seen]).toEqual([7]);
  port.unpin(0x2000n);
  expect(test.machine.pages.pinCount).toBe(3);
  port.unpin(0x2000n);
  port.unpin(0x2000n);
  expect(test.machine.pages.pinCount).toBe(2);
});

it('gives pages back when their mapping goes', () => {
  const { test, container, port } = new Driver();
  must(container.mapDma({ vaddr: BUFFER, iova: 0x1000n, size: 0x2000n }));
  must(port.pin(0x1000n, RW));
  must(port.pin(0x2000n, RW));
  expect(container.unmapAll().size).toBe(0x2000n);
  expect([test.machine.pages.pinCount, test.process.addressSpace.lockedPages]).toEqual([0, 0]);
  port.close();
});

it('refuses what vfio_pin_pages refuses', () => {
  const { container, port } = new Driver();
  must(container.mapDma({ vaddr: BUFFER, iova: 0x1000n, size: 0x1000n, flags: MapFlag.READ }));
  expect(codeOf(port.pin(0x2000n, Prot.READ))).toBe('TYPE1_PIN_NO_MAPPING');
  expect(codeOf(port.pin(0x1000n, RW))).toBe('TYPE1_PIN_PROTECTION');
  container.unmapDma({ iova: 0x1000n, size: 0x1000n }, UnmapFlag.VADDR);
  expect(codeOf(port.pin(0x1000n, Prot.READ))).toBe('TYPE1_PIN_VADDR_INVALID');
  expect(codeOf(new Driver(VfioExtension.TYPE1).port.pin(0x1000n, Prot.READ))).toBe('TYPE1_PIN_NEEDS_V2');
});
