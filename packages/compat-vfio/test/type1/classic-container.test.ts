import { VfioExtension } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import { GroupFlag, UnmapFlag } from '../../src/index.js';
import { flatBackend, type FlatBackend } from '../support/flat-backend.js';
import { BUFFER, codeOf, DEVICE, must, OTHER_GROUP, outcome, TestMachine } from '../support/vfio-machine.js';

const TYPE1 = { personality: 'type1' } as const;
const range = (iova: bigint, size: bigint): { readonly iova: bigint; readonly size: bigint } => ({ iova, size });

function withBackend(): { readonly test: TestMachine; readonly backend: FlatBackend } {
  const made: FlatBackend[] = [];
  const test = new TestMachine({ ...TYPE1, backend: flatBackend({}, (backend) => made.push(backend)) });
  return { test, backend: made[0] as FlatBackend };
}

describe('classic container: state machine', () => {
  it('knows nothing but version, extensions and types before it has a type', () => {
    const test = new TestMachine(TYPE1);
    const container = test.container();
    expect(must(container.apiVersion())).toBe(0);
    expect(codeOf(container.mapDma({ vaddr: BUFFER, iova: 0n, size: 0x1000n }))).toBe('TYPE1_NOT_SET');
    expect(codeOf(container.setIommu(VfioExtension.TYPE1V2))).toBe('TYPE1_NO_GROUP');
  });

  it('takes a type once, and loses it with its last group', () => {
    const test = new TestMachine(TYPE1);
    const { container, group } = test.container1(VfioExtension.TYPE1V2);
    expect(codeOf(container.setIommu(VfioExtension.TYPE1V2))).toBe('TYPE1_SET_TWICE');
    must(container.mapDma({ vaddr: BUFFER, iova: 0n, size: 0x1000n }));
    must(group.unsetContainer());
    expect(codeOf(container.mapDma({ vaddr: BUFFER, iova: 0n, size: 0x1000n }))).toBe('TYPE1_NOT_SET');
    must(group.setContainer(container));
    must(container.setIommu(VfioExtension.TYPE1));
    must(container.mapDma({ vaddr: BUFFER, iova: 0n, size: 0x1000n }));
    expect(test.machine.close()).toMatchObject({ pins: 0, lockedPages: 0, objects: [] });
  });

  it('keeps the group while a device is open', () => {
    const test = new TestMachine(TYPE1);
    const { group } = test.container1(VfioExtension.TYPE1V2);
    const device = must(group.openDevice(DEVICE));
    expect(codeOf(group.unsetContainer())).toBe('GROUP_DEVICES_OPEN');
    must(device.close());
    expect(outcome(group.unsetContainer())).toBe(0);
  });

  it('keeps a closed group file open for its devices', () => {
    const test = new TestMachine(TYPE1);
    const { group } = test.container1(VfioExtension.TYPE1V2);
    const device = must(group.openDevice(DEVICE));
    must(group.close());
    expect(outcome(test.process.open('/dev/vfio/1'))).toBe('EBUSY');
    must(device.close());
    expect(must(test.group().status())).toBe(GroupFlag.VIABLE);
  });

  it('opens devices only after SET_IOMMU', () => {
    const test = new TestMachine(TYPE1);
    const group = test.group();
    expect(codeOf(group.openDevice(DEVICE))).toBe('GROUP_NO_CONTAINER');
    must(group.setContainer(test.container()));
    expect(codeOf(group.openDevice(DEVICE))).toBe('GROUP_NO_IOMMU_TYPE');
  });

  it('lets a second group join its mappings, on the same domain', () => {
    const { test, backend } = withBackend();
    const { container } = test.container1(VfioExtension.TYPE1V2);
    must(container.mapDma({ vaddr: BUFFER, iova: 0x1000n, size: 0x3000n }));
    const other = test.group(OTHER_GROUP);
    must(other.setContainer(container));
    expect(backend.living).toHaveLength(1);
    const device = test.machine.device('0000:00:02.0');
    test.process.addressSpace.poke(BUFFER, Uint8Array.of(1, 2, 3));
    expect([...(device?.port.read(0x1000n, 3).data ?? [])]).toEqual([1, 2, 3]);
    must(other.unsetContainer());
    expect(device?.port.read(0x1000n, 3).status).toBe('blocked');
    expect(test.machine.close()).toMatchObject({ pins: 0, objects: [] });
    expect(backend.living).toHaveLength(0);
  });

  it('claims the DMA of a group for itself alone', () => {
    const test = new TestMachine(TYPE1);
    const group = test.group();
    const kernelDriver = {};
    test.machine.iommufd.ownership.claim({ ...test.machine.devices[0]!.iommu.group }, kernelDriver);
    test.machine.iommufd.ownership.claim(test.machine.devices[0]!.iommu.group, kernelDriver);
    expect(must(group.status())).toBe(0);
    expect(codeOf(group.setContainer(test.container()))).toBe('GROUP_DMA_OWNED');
  });

  it('answers nesting with what the driver can: no', () => {
    const test = new TestMachine(TYPE1);
    const container = test.container();
    must(test.group().setContainer(container));
    expect(must(container.checkExtension(VfioExtension.TYPE1_NESTING))).toBe(1);
    expect(codeOf(container.setIommu(VfioExtension.TYPE1_NESTING))).toBe('TYPE1_NO_NESTING');
    expect(codeOf(container.setIommu(VfioExtension.UNMAP_ALL))).toBe('TYPE1_NOT_A_TYPE');
    expect(codeOf(container.setIommu(VfioExtension.SPAPR_TCE))).toBe('TYPE1_UNKNOWN_TYPE');
    expect(outcome(container.setIommu(VfioExtension.TYPE1))).toBe(0);
  });
});

describe('classic container: UNMAP_DMA', () => {
  it('of TYPE1 that begins inside a mapping succeeds and unmaps nothing', () => {
    const { container } = new TestMachine(TYPE1).container1(VfioExtension.TYPE1);
    must(container.mapDma({ vaddr: BUFFER, iova: 0x10_0000n, size: 0x4000n }));
    expect(container.unmapDma(range(0x10_1000n, 0x1000n))).toMatchObject({ size: 0n, result: { right: 0 } });
  });

  it('of TYPE1 that covers the head of a mapping unmaps all of it', () => {
    const { container } = new TestMachine(TYPE1).container1(VfioExtension.TYPE1);
    must(container.mapDma({ vaddr: BUFFER, iova: 0x10_0000n, size: 0x4000n }));
    expect(container.unmapDma(range(0x10_0000n, 0x1000n)).size).toBe(0x4000n);
  });

  it('of TYPE1v2 that cuts a mapping fails and leaves the size as it was', () => {
    const { container } = new TestMachine(TYPE1).container1(VfioExtension.TYPE1V2);
    must(container.mapDma({ vaddr: BUFFER, iova: 0x10_0000n, size: 0x4000n }));
    const cut = container.unmapDma(range(0x10_1000n, 0x1000n));
    expect([codeOf(cut.result), cut.size]).toEqual(['TYPE1_UNMAP_BISECTS', 0x1000n]);
    expect(container.unmapDma(range(0xf_0000n, 0x10_0000n)).size).toBe(0x4000n);
  });

  it('of everything tells how much that was', () => {
    const { container } = new TestMachine(TYPE1).container1(VfioExtension.TYPE1V2);
    must(container.mapDma({ vaddr: BUFFER, iova: 0n, size: 0x4000n }));
    must(container.mapDma({ vaddr: BUFFER, iova: 0x10_0000n, size: 0x1000n }));
    expect(container.unmapAll().size).toBe(0x5000n);
    expect(container.unmapAll().size).toBe(0n);
  });
});

describe('classic container: limits', () => {
  it('counts mappings down to ENOSPC and up again', () => {
    const { container } = new TestMachine({ ...TYPE1, dmaEntryLimit: 2 }).container1(VfioExtension.TYPE1V2);
    const map = (at: bigint): string => codeOf(container.mapDma({ vaddr: BUFFER, iova: at, size: 0x1000n }));
    expect(must(container.getInfo()).dmaAvailable).toBe(2);
    expect([map(0n), map(0x1000n), map(0x2000n)]).toEqual(['ok', 'ok', 'TYPE1_MAP_LIMIT']);
    expect(must(container.getInfo()).dmaAvailable).toBe(0);
    container.unmapDma(range(0n, 0x1000n));
    expect(map(0x2000n)).toBe('ok');
  });

  it('counts locked pages of a process with CAP_IPC_LOCK but does not limit them', () => {
    const test = new TestMachine(TYPE1);
    const { container } = test.container1(VfioExtension.TYPE1V2);
    test.process.limits.memlock = 0x4000n;
    must(container.mapDma({ vaddr: BUFFER, iova: 0n, size: 0x8000n }));
    expect(test.process.addressSpace.lockedPages).toBe(8);
    test.process.credentials.capabilities.delete('ipc_lock');
    expect(codeOf(container.mapDma({ vaddr: BUFFER, iova: 0x1_0000n, size: 0x1000n }))).toBe('TYPE1_MEMLOCK');
    container.unmapAll();
    expect(test.process.addressSpace.lockedPages).toBe(0);
  });

  it('undoes a mapping that fails half-way: nothing is pinned, counted or mapped', () => {
    const { test, backend } = withBackend();
    const { container } = test.container1(VfioExtension.TYPE1V2);
    const end = BUFFER + 0xf_f000n;
    expect(codeOf(container.mapDma({ vaddr: end, iova: 0n, size: 0x2000n }))).toBe('TYPE1_PIN_FAILED');
    expect(test.machine.pages.pinCount).toBe(0);
    expect(test.process.addressSpace.lockedPages).toBe(0);
    expect(backend.living[0]?.pages.size).toBe(0);
    expect(must(container.getInfo()).dmaAvailable).toBe(0xffff);
  });

  it('undoes a mapping that the driver refuses', () => {
    const test = new TestMachine({ ...TYPE1, backend: flatBackend({ mapFailsAfter: 1 }) });
    const { container } = test.container1(VfioExtension.TYPE1V2);
    must(container.mapDma({ vaddr: BUFFER, iova: 0n, size: 0x1000n }));
    const refused = container.mapDma({ vaddr: BUFFER, iova: 0x1000n, size: 0x2000n });
    expect([codeOf(refused), outcome(refused)]).toEqual(['TYPE1_DRIVER_REFUSED', 'ENOMEM']);
    expect(test.machine.pages.pinCount).toBe(1);
  });

  it('maps every page by itself when large pages are disabled', () => {
    const made: FlatBackend[] = [];
    const backend = flatBackend({ pageSizes: 0x7000n }, (it) => made.push(it));
    const test = new TestMachine({ ...TYPE1, backend, disableHugePages: true });
    const { container } = test.container1(VfioExtension.TYPE1V2);
    must(container.mapDma({ vaddr: BUFFER, iova: 0n, size: 0x4000n }));
    expect(made[0]?.living[0]?.mappedShifts).toEqual([12, 12, 12, 12]);
  });

  it('keeps groups out whose interrupts are not isolated', () => {
    const backend = flatBackend({ msiIsolated: false });
    const strict = new TestMachine({ ...TYPE1, backend });
    const container = strict.container();
    must(strict.group().setContainer(container));
    expect(codeOf(container.setIommu(VfioExtension.TYPE1))).toBe('TYPE1_MSI_NOT_ISOLATED');
    expect(() =>
      new TestMachine({ ...TYPE1, backend, allowUnsafeInterrupts: true }).container1(VfioExtension.TYPE1),
    ).not.toThrow();
  });
});

describe('classic container: virtual addresses', () => {
  it('are replaced in two steps', () => {
    const { container } = new TestMachine(TYPE1).container1(VfioExtension.TYPE1V2);
    must(container.mapDma({ vaddr: BUFFER, iova: 0n, size: 0x4000n }));
    expect(codeOf(container.mapDma({ vaddr: BUFFER, iova: 0n, size: 0x4000n, flags: 4 }))).toBe('TYPE1_VADDR_MISMATCH');
    expect(container.unmapDma(range(0n, 0x4000n), UnmapFlag.VADDR).size).toBe(0x4000n);
    expect(codeOf(container.unmapDma(range(0n, 0x4000n), UnmapFlag.VADDR).result)).toBe('TYPE1_VADDR_INVALID_ALREADY');
    expect(codeOf(container.mapDma({ vaddr: BUFFER, iova: 0n, size: 0x4000n, flags: 4 }))).toBe('ok');
  });

  it('move the account to the process that maps', () => {
    const test = new TestMachine(TYPE1);
    const { container } = test.container1(VfioExtension.TYPE1V2);
    must(container.mapDma({ vaddr: BUFFER, iova: 0n, size: 0x4000n }));
    container.unmapDma(range(0n, 0x4000n), UnmapFlag.VADDR);
    const child = must(test.process.fork());
    const again = new (container.constructor as new (process: typeof child, fd: number) => typeof container)(
      child,
      container.fd,
    );
    must(again.mapDma({ vaddr: BUFFER, iova: 0n, size: 0x4000n, flags: 4 }));
    expect([test.process.addressSpace.lockedPages, child.addressSpace.lockedPages]).toEqual([0, 4]);
  });

  it('keep groups out while they are being replaced', () => {
    const test = new TestMachine(TYPE1);
    const { container } = test.container1(VfioExtension.TYPE1V2);
    must(container.mapDma({ vaddr: BUFFER, iova: 0n, size: 0x4000n }));
    container.unmapDma(range(0n, 0x4000n), UnmapFlag.VADDR);
    expect(codeOf(test.group(OTHER_GROUP).setContainer(container))).toBe('TYPE1_ATTACH_VADDR_INVALID');
  });
});
