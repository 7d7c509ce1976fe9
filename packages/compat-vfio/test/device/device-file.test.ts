import { VfioExtension, VfioRequest } from '@ioasis/core';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  DeviceFlag,
  EventFile,
  Feature,
  FeatureFlag,
  IrqSetFlag,
  PciIrqIndex,
  PciRegionIndex,
  REGION_SHIFT,
  RegionFlag,
  VfioDeviceFeature,
  VfioPciHotResetInfo,
  type VfioDeviceClient,
} from '../../src/index.js';
import { structCall } from '../../src/client/struct-call.js';
import { BUFFER, codeOf, DEVICE, must, OTHER_GROUP, outcome, TestMachine } from '../support/vfio-machine.js';

let test: TestMachine;
let device: VfioDeviceClient;

beforeEach(() => {
  test = new TestMachine({ personality: 'type1' });
  device = must(test.container1(VfioExtension.TYPE1V2).group.openDevice(DEVICE));
});

const eventFd = (): { readonly event: EventFile; readonly fd: number } => {
  const event = new EventFile();
  return { event, fd: must(test.process.install(event)) };
};

describe('an open device', () => {
  it('is a PCI device with nine regions and five interrupt indices', () => {
    expect(must(device.info())).toMatchObject({ argsz: 24, flags: DeviceFlag.PCI, num_regions: 9, num_irqs: 5 });
  });

  it('shows its BAR, its configuration space and where they are in the file', () => {
    expect(must(device.regionInfo(0))).toMatchObject({
      flags: RegionFlag.READ | RegionFlag.WRITE | RegionFlag.MMAP,
      size: 0x10_0000n,
      offset: 0n,
    });
    expect(must(device.regionInfo(PciRegionIndex.CONFIG))).toMatchObject({ size: 256n, offset: 7n << REGION_SHIFT });
    expect(must(device.regionInfo(1))).toMatchObject({ size: 0n, flags: 0 });
    expect(codeOf(device.regionInfo(PciRegionIndex.VGA))).toBe('DEVICE_REGION_INDEX');
  });

  it('has no interrupts of bus errors, being no PCI Express function', () => {
    expect(codeOf(device.irqInfo(PciIrqIndex.ERR))).toBe('DEVICE_IRQ_INDEX');
    expect(must(device.irqInfo(PciIrqIndex.MSI))).toMatchObject({ count: 1, flags: 9 });
  });

  it('reads and writes registers at the offset of the region', () => {
    // edu: identification at 0, inverted value at 4.
    expect([...must(device.read(0, 0, 4))]).toEqual([0xed, 0x00, 0x00, 0x01]);
    must(device.write(0, 4, Uint8Array.of(0x0f, 0, 0, 0)));
    expect([...must(device.read(0, 4, 4))]).toEqual([0xf0, 0xff, 0xff, 0xff]);
    expect(must(device.read(0, 0xf_fffc, 64))).toHaveLength(4);
    expect(codeOf(device.read(0, 0x10_0000, 4))).toBe('DEVICE_REGION_OFFSET');
    expect(codeOf(device.read(9, 0, 4))).toBe('DEVICE_REGION_OFFSET');
    expect(codeOf(device.write(PciRegionIndex.ROM, 0, Uint8Array.of(1)))).toBe('DEVICE_REGION_READ_ONLY');
  });

  it('answers no register access while memory is disabled', () => {
    must(device.writeConfig(4, Uint8Array.of(0, 0)));
    expect(outcome(device.read(0, 0, 4))).toBe('EIO');
  });

  it('keeps accesses inside configuration space', () => {
    expect(codeOf(device.readConfig(0xfe, 4))).toBe('DEVICE_CONFIG_RANGE');
    expect(must(device.readConfig(0xfe, 2))).toHaveLength(2);
  });

  it('maps its BAR: the program sees registers', () => {
    must(test.process.mmap(device.fd, 0x300_0000_0000n, 0x1000n, 'rw', 0n));
    expect([...test.process.addressSpace.peek(0x300_0000_0000n, 4)]).toEqual([0xed, 0x00, 0x00, 0x01]);
    expect(codeOf(test.process.mmap(device.fd, BUFFER, 0x1000n, 'rw', 7n << REGION_SHIFT))).toBe('DEVICE_MMAP_REGION');
    expect(codeOf(test.process.mmap(device.fd, BUFFER, 0x1000n, 'rw', 0x10_0000n))).toBe('DEVICE_MMAP_RANGE');
  });

  it('cannot be reset, nor its root bus', () => {
    expect(codeOf(device.reset())).toBe('DEVICE_NO_RESET');
    const { result } = structCall(
      test.process,
      device.fd,
      VfioRequest.DEVICE_GET_PCI_HOT_RESET_INFO,
      VfioPciHotResetInfo.encode({ argsz: 12 }),
    );
    expect(codeOf(result)).toBe('DEVICE_NO_BUS_RESET');
  });

  it('has no migration; it may sleep', () => {
    const feature = (flags: number): string => {
      const { result } = structCall(
        test.process,
        device.fd,
        VfioRequest.DEVICE_FEATURE,
        VfioDeviceFeature.encode({ argsz: 8, flags }),
      );
      return codeOf(result);
    };
    expect(feature(FeatureFlag.PROBE | FeatureFlag.GET | Feature.MIGRATION)).toBe('DEVICE_FEATURE_UNKNOWN');
    expect(feature(FeatureFlag.GET | FeatureFlag.SET | Feature.LOW_POWER_ENTRY)).toBe('DEVICE_FEATURE_FLAGS');
    expect(feature(FeatureFlag.SET | Feature.LOW_POWER_ENTRY)).toBe('ok');
    expect(feature(FeatureFlag.SET | Feature.LOW_POWER_ENTRY)).toBe('DEVICE_ASLEEP');
    expect(feature(FeatureFlag.SET | Feature.LOW_POWER_EXIT)).toBe('ok');
  });

  it('can be opened again through its group, and is one device', () => {
    const group = test.group(OTHER_GROUP);
    expect(codeOf(group.openDevice('0000:00:02.0'))).toBe('GROUP_NO_CONTAINER');
    expect(test.machine.unplug(DEVICE)).toMatchObject({ left: { code: 'DEVICE_UNPLUG_OPEN' } });
    must(device.close());
    expect(outcome(test.machine.unplug('0000:00:02.0'))).toBe(0);
  });

  it('does not know ioctls of containers', () => {
    expect(codeOf(test.process.ioctl(device.fd, VfioRequest.GET_API_VERSION, 0n))).toBe('VFIO_UNKNOWN_IOCTL');
  });
});

describe('SET_IRQS', () => {
  it('connects an eventfd and fires it for a test', () => {
    const { event, fd } = eventFd();
    must(device.setIrqEvents(PciIrqIndex.MSI, 0, [fd]));
    must(device.setIrqs({ flags: IrqSetFlag.NONE | IrqSetFlag.TRIGGER, index: PciIrqIndex.MSI, start: 0, count: 1 }));
    expect(event.count).toBe(1n);
  });

  it('brings an interrupt of the device to the program', () => {
    const { event, fd } = eventFd();
    must(device.setIrqEvents(PciIrqIndex.INTX, 0, [fd]));
    // edu raises an interrupt when its register 0x60 is written.
    must(device.write(0, 0x60, Uint8Array.of(1, 0, 0, 0)));
    expect(event.count).toBe(1n);
    expect(must(test.process.read(fd, BUFFER, 8))).toBe(8);
    expect(codeOf(test.process.read(fd, BUFFER, 8))).toBe('EVENTFD_EMPTY');
  });

  it('enables one kind at a time', () => {
    const { fd } = eventFd();
    must(device.setIrqEvents(PciIrqIndex.INTX, 0, [fd]));
    expect(codeOf(device.setIrqEvents(PciIrqIndex.MSI, 0, [fd]))).toBe('DEVICE_IRQ_STATE');
    must(device.setIrqs({ flags: IrqSetFlag.NONE | IrqSetFlag.TRIGGER, index: PciIrqIndex.INTX, start: 0, count: 0 }));
    must(device.setIrqEvents(PciIrqIndex.MSI, 0, [fd]));
  });

  it('checks index, range, data and descriptors in this order', () => {
    const flags = IrqSetFlag.EVENTFD | IrqSetFlag.TRIGGER;
    expect(codeOf(device.setIrqs({ flags, index: 5, start: 0, count: 1 }))).toBe('DEVICE_IRQ_SET_HEADER');
    expect(codeOf(device.setIrqs({ flags, index: PciIrqIndex.MSIX, start: 0, count: 1 }))).toBe('DEVICE_IRQ_SET_RANGE');
    expect(codeOf(device.setIrqs({ flags, index: PciIrqIndex.MSI, start: 0, count: 1 }))).toBe('DEVICE_IRQ_SET_DATA');
    expect(codeOf(device.setIrqEvents(PciIrqIndex.MSI, 0, [99]))).toBe('DEVICE_IRQ_EVENTFD_BADF');
    expect(codeOf(device.setIrqEvents(PciIrqIndex.MSI, 0, [device.fd]))).toBe('DEVICE_IRQ_EVENTFD_KIND');
    expect(
      codeOf(device.setIrqs({ flags: IrqSetFlag.NONE | IrqSetFlag.MASK, index: PciIrqIndex.MSI, start: 0, count: 1 })),
    ).toBe('DEVICE_IRQ_ACTION');
  });

  it('masks INTx when it fires, until the program unmasks it, by call or by eventfd', () => {
    const { event, fd } = eventFd();
    const unmask = eventFd();
    must(device.setIrqEvents(PciIrqIndex.INTX, 0, [fd]));
    const data = new Uint8Array(4);
    new DataView(data.buffer).setInt32(0, unmask.fd, true);
    must(
      device.setIrqs(
        { flags: IrqSetFlag.EVENTFD | IrqSetFlag.UNMASK, index: PciIrqIndex.INTX, start: 0, count: 1 },
        data,
      ),
    );
    must(device.write(0, 0x60, Uint8Array.of(1, 0, 0, 0)));
    must(device.write(0, 0x64, Uint8Array.of(1, 0, 0, 0)));
    must(device.write(0, 0x60, Uint8Array.of(1, 0, 0, 0)));
    expect(event.count).toBe(1n);
    test.process.addressSpace.poke(BUFFER, Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0));
    must(test.process.write(unmask.fd, BUFFER, 8));
    expect(event.count).toBe(2n);
  });
});
