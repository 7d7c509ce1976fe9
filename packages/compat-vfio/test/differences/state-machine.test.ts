import { VfioExtension, VfioRequest } from '@ioasis/core';
import { expect } from 'vitest';
import { GroupFlag } from '../../src/index.js';
import { flatBackend } from '../support/flat-backend.js';
import { BUFFER, codeOf, DEVICE, must, OTHER_GROUP, outcome, type TestMachine } from '../support/vfio-machine.js';
import { row } from './columns.js';

const { TYPE1, TYPE1V2, TYPE1_NESTING, SPAPR_TCE, SPAPR_TCE_V2, DMA_CC, NOIOMMU } = VfioExtension;
const page = { vaddr: BUFFER, iova: 0x10_0000n, size: 0x1000n };
/** An address where the test program has nothing. */
const NOWHERE = 0x500_0000_0000n;

/** DMA status of the device's own port, without any VFIO file in between. */
const portReads = (test: TestMachine, iova: bigint): string => test.machine.devices[0]!.port.read(iova, 4).status;

row('1', {
  type1: (test) => {
    const { container } = test.container1(TYPE1V2);
    must(container.mapDma(page));
    expect(portReads(test, page.iova)).toBe('ok');
    const other = test.group(OTHER_GROUP);
    must(other.setContainer(container));
    expect(test.machine.devices[1]!.port.read(page.iova, 4).status).toBe('ok');
  },
  iommufd: (test) => {
    const { container, group } = test.container1(TYPE1V2);
    must(container.mapDma(page));
    expect(portReads(test, page.iova)).toBe('blocked');
    must(group.openDevice(DEVICE));
    expect(portReads(test, page.iova)).toBe('ok');
  },
});

row('2', {
  type1: (test) => {
    const info = must(test.container1(TYPE1V2).container.getInfo());
    expect(info.pageSizes).toBe(0x4020_1000n);
    expect(info.iovaRanges).toHaveLength(2);
  },
  iommufd: (test) => {
    const { container, group } = test.container1(TYPE1V2);
    const info = must(container.getInfo());
    expect(info.pageSizes).toBe(0xffff_ffff_ffff_f000n);
    expect(info.iovaRanges).toEqual([{ start: 0n, last: 0xffff_ffff_ffff_ffffn }]);
    must(group.openDevice(DEVICE));
    expect(must(container.getInfo()).iovaRanges).toHaveLength(2);
  },
});

row('3', {
  type1: (test) => {
    const { container } = test.container1(TYPE1V2);
    expect(outcome(container.mapDma({ ...page, vaddr: NOWHERE }))).toBe('EFAULT');
    test.process.credentials.capabilities.delete('ipc_lock');
    test.process.limits.memlock = 0n;
    expect(outcome(container.mapDma(page))).toBe('ENOMEM');
  },
  iommufd: (test) => {
    const { container, group } = test.container1(TYPE1V2);
    test.process.credentials.capabilities.delete('ipc_lock');
    test.process.limits.memlock = 0n;
    must(container.mapDma(page));
    expect(outcome(group.openDevice(DEVICE))).toBe('ENOMEM');
    test.process.limits.memlock = 0x10000n;
    must(container.mapDma({ ...page, vaddr: NOWHERE, iova: 0x20_0000n }));
    expect(outcome(group.openDevice(DEVICE))).toBe('EFAULT');
  },
});

row('4', {
  type1: (test) => {
    expect(outcome(test.container1(TYPE1V2).container.mapDma({ ...page, iova: 0xfee0_0000n }))).toBe('EINVAL');
  },
  iommufd: (test) => {
    const { container, group } = test.container1(TYPE1V2);
    must(container.mapDma({ ...page, iova: 0xfee0_0000n }));
    expect(outcome(group.openDevice(DEVICE))).toBe('EADDRINUSE');
  },
});

row('5', {
  type1: (test) => expect(outcome(test.container().setIommu(TYPE1))).toBe('EINVAL'),
  iommufd: (test) => expect(outcome(test.container().setIommu(TYPE1))).toBe('ENODEV'),
});

row('6', {
  type1: (test) => expect(outcome(test.container1(TYPE1).container.setIommu(TYPE1))).toBe('EINVAL'),
  iommufd: (test) => {
    const { container } = test.container1(TYPE1);
    expect([TYPE1, TYPE1V2, TYPE1].map((type) => outcome(container.setIommu(type)))).toEqual([0, 0, 0]);
  },
});

const unknownType = (test: TestMachine): string | number => {
  const container = test.container();
  must(test.group().setContainer(container));
  return outcome(container.setIommu(SPAPR_TCE));
};

row('6b', {
  type1: (test) => expect(unknownType(test)).toBe('ENODEV'),
  iommufd: (test) => expect(unknownType(test)).toBe('EINVAL'),
});

row('7', {
  type1: (test) => {
    const container = test.container();
    must(test.group().setContainer(container));
    expect([outcome(container.mapDma(page)), outcome(container.getInfoBytes(24).result)]).toEqual(['EINVAL', 'EINVAL']);
  },
  iommufd: (test) => {
    const container = test.container();
    expect([outcome(container.mapDma(page)), outcome(container.getInfoBytes(24).result)]).toEqual(['ENODEV', 'ENODEV']);
    must(test.group().setContainer(container));
    expect(outcome(container.mapDma(page))).toBe(0);
  },
});

row('8', {
  type1: (test) => {
    const unknown = (fd: number): string | number => outcome(test.process.ioctl(fd, 0x3b7f, 0n));
    expect(unknown(test.container().fd)).toBe('EINVAL');
    expect(unknown(test.container1(TYPE1).container.fd)).toBe('ENOTTY');
  },
  iommufd: (test) => expect(outcome(test.process.ioctl(test.container().fd, 0x3b7f, 0n))).toBe('ENOTTY'),
});

row('9', {
  type1: (test) => expect(must(test.container().checkExtension(DMA_CC))).toBe(0),
  iommufd: (test) => {
    const container = test.container();
    expect(outcome(container.checkExtension(DMA_CC))).toBe('ENODEV');
    must(test.group().setContainer(container));
    // No page table, so none that does not enforce it.
    expect(must(container.checkExtension(DMA_CC))).toBe(1);
  },
});

row('10', {
  type1: (test) => {
    const container = test.container();
    must(test.group().setContainer(container));
    expect(must(container.checkExtension(TYPE1_NESTING))).toBe(1);
    // This driver cannot nest a domain that exists already, as VT-d and AMD-Vi cannot.
    expect(codeOf(container.setIommu(TYPE1_NESTING))).toBe('TYPE1_NO_NESTING');
  },
  iommufd: (test) => {
    const { container } = test.container1(TYPE1V2);
    expect(must(container.checkExtension(TYPE1_NESTING))).toBe(0);
    expect(outcome(container.setIommu(TYPE1_NESTING))).toBe('EINVAL');
  },
});

row('31', {
  type1: (test) => {
    const { container, group } = test.container1(TYPE1V2);
    must(container.mapDma(page));
    must(group.unsetContainer());
    expect(test.machine.pages.pinCount).toBe(0);
    expect(outcome(container.getInfoBytes(24).result)).toBe('EINVAL');
    must(group.setContainer(container));
    must(container.setIommu(TYPE1));
  },
  iommufd: (test) => {
    const { container, group } = test.container1(TYPE1V2);
    must(container.mapDma(page));
    must(group.unsetContainer());
    expect(outcome(container.mapDma(page))).toBe('EEXIST');
    expect(container.unmapAll().size).toBe(0x1000n);
  },
});

row(
  '33',
  {
    type1: (test) => {
      const container = test.container();
      must(test.group().setContainer(container));
      expect(outcome(container.setIommu(TYPE1V2))).toBe('EPERM');
    },
    iommufd: (test) => expect(outcome(test.container1(TYPE1V2).group.openDevice(DEVICE))).toBe('EPERM'),
  },
  { backend: flatBackend({ msiIsolated: false }) },
);

row('39', {
  type1: (test) => {
    const container = test.container();
    expect([SPAPR_TCE, SPAPR_TCE_V2].map((extension) => must(container.checkExtension(extension)))).toEqual([0, 0]);
  },
  iommufd: (test) => {
    const container = test.container();
    expect([SPAPR_TCE, SPAPR_TCE_V2].map((extension) => must(container.checkExtension(extension)))).toEqual([0, 0]);
  },
});

row('41', {
  type1: (test) => {
    const group = test.group();
    const { ownership } = test.machine.iommufd;
    must(group.setContainer(test.container()));
    expect(ownership.claim(test.machine.devices[0]!.iommu.group, {})).toBe(false);
    expect(must(group.status())).toBe(GroupFlag.VIABLE | GroupFlag.CONTAINER_SET);
  },
  iommufd: (test) => {
    const group = test.group();
    must(group.setContainer(test.container()));
    expect(test.machine.iommufd.ownership.claim(test.machine.devices[0]!.iommu.group, {})).toBe(true);
    expect(must(group.status())).toBe(GroupFlag.VIABLE | GroupFlag.CONTAINER_SET);
    expect(outcome(group.openDevice(DEVICE))).toBe('EPERM');
  },
});

const NO_IOMMU = { noIommu: 'enabled', noIommuDevices: [DEVICE] } as const;
const openNoIommu = (test: TestMachine): number => must(test.process.open('/dev/vfio/noiommu-0'));
const joinNoIommu = (test: TestMachine, containerFd: number): string | number => {
  const fd = openNoIommu(test);
  return test.process.scratch.borrow(4, (address) => {
    test.process.addressSpace.poke(address, Uint8Array.of(containerFd, 0, 0, 0));
    return outcome(test.process.ioctl(fd, VfioRequest.GROUP_SET_CONTAINER, address));
  });
};

row(
  '34',
  {
    type1: (test) => {
      const container = test.container();
      expect(joinNoIommu(test, container.fd)).toBe(0);
      must(container.setIommu(NOIOMMU));
      expect(outcome(container.mapDma(page))).toBe('ENOTTY');
    },
    iommufd: (test) => {
      const container = test.container();
      expect(joinNoIommu(test, container.fd)).toBe(0);
      must(container.setIommu(NOIOMMU));
      expect(outcome(container.mapDma(page))).toBe('ENODEV');
      expect(outcome(container.setIommu(TYPE1V2))).toBe('EINVAL');
    },
  },
  NO_IOMMU,
);

row(
  '35',
  {
    type1: (test) => expect(must(test.container().checkExtension(NOIOMMU))).toBe(0),
    iommufd: (test) => expect(must(test.container().checkExtension(NOIOMMU))).toBe(1),
  },
  { noIommu: 'disabled' },
);

row(
  '36',
  {
    type1: (test) => {
      const container = test.container();
      must(test.group(OTHER_GROUP).setContainer(container));
      expect(joinNoIommu(test, container.fd)).toBe('EPERM');
    },
    iommufd: (test) => {
      const container = test.container();
      must(test.group(OTHER_GROUP).setContainer(container));
      expect(joinNoIommu(test, container.fd)).toBe('EINVAL');
    },
  },
  NO_IOMMU,
);
