import {
  Access,
  DeviceTlb,
  hi32,
  HwptFlag,
  IotlbGather,
  lo32,
  NO_PASID,
  type HwptUserData,
  type IommuDomain,
} from '@ioasis/core';
import { editing } from './command-edits.js';
import type { FaultyMachine } from './faulty-machine.js';
import { IOVA, map, PA, unmap, type Vendor } from './machines.js';

/*
 * What drivers and devices do while a mistake is made. Each ends with a use of what is stale.
 */

/** Four pages that no unit can merge, each of which the device has read. */
function mapFourPages(rig: FaultyMachine): IommuDomain {
  const domain = rig.attached();
  for (let page = 0; page < 4; page++) {
    map(domain, IOVA + BigInt(page) * 0x1000n, PA + BigInt(page) * 0x5000n, 0x1000);
    rig.read(IOVA + BigInt(page) * 0x1000n);
  }
  return domain;
}

/** The usual story: pages are used, unmapped with a mistake, and used again. */
export const unmapWith =
  (seed: (rig: FaultyMachine) => void, at = 3n) =>
  (rig: FaultyMachine): void => {
    const domain = mapFourPages(rig);
    seed(rig);
    unmap(domain, IOVA, 0x4000);
    rig.read(IOVA + at * 0x1000n);
  };

/** Unmaps as a driver that gets the order wrong: what it sends comes before it writes. */
export function invalidateFirst(rig: FaultyMachine): void {
  const domain = mapFourPages(rig);
  rig.check.operation('careless unmap', () => {
    domain.flushAll();
    rig.read(IOVA);
    rig.forgetTlb();
    const gather = new IotlbGather();
    domain.unmapPages(hi32(IOVA), lo32(IOVA), 12, 4, gather);
    domain.syncUnmap(gather);
  });
  rig.read(IOVA);
}

/** 512 pages that no unit can merge; the device has read the first. */
function mapTable(rig: FaultyMachine): IommuDomain {
  const domain = rig.attached();
  for (let page = 0; page < 512; page++) {
    map(domain, IOVA + BigInt(page) * 0x1000n, PA + BigInt(page % 7) * 0x5000n, 0x1000);
  }
  rig.read(IOVA);
  return domain;
}

/** A large page takes the place of the table of 512 pages without an invalidation, and the table's frame becomes one of other addresses. */
export function reuseTable(rig: FaultyMachine): void {
  const domain = mapTable(rig);
  rig.forgetTlb();
  unmap(domain, IOVA, 0x20_0000);
  map(domain, IOVA, PA + 0x10_0000n, 0x20_0000);
  for (let page = 0; page < 4; page++) {
    map(domain, IOVA + 0x20_0000n + BigInt(page) * 0x1000n, PA + BigInt(page) * 0x5000n, 0x1000);
  }
  rig.read(IOVA + 0x1000n);
}

/** A whole table of 512 pages goes, and with it the link to it. */
export function unmapTable(rig: FaultyMachine): void {
  const domain = mapTable(rig);
  rig.seed(editing(rig.edits.isTlb, rig.edits.leavesOnly));
  unmap(domain, IOVA, 0x20_0000);
  map(domain, IOVA, PA + 0x10_0000n, 0x20_0000);
  map(domain, IOVA + 0x20_0000n, PA, 0x1000);
  rig.read(IOVA + 0x1000n);
}

/** The device goes from one domain to another one, where the same IOVA leads elsewhere. */
export const moveWith =
  (seed: (rig: FaultyMachine) => void) =>
  (rig: FaultyMachine): void => {
    const domain = mapFourPages(rig);
    const { iommu } = rig.device();
    const { backend } = rig.machine;
    const other = backend.allocPaging(iommu, 0, undefined) as IommuDomain;
    map(other, IOVA, PA + 0x10_0000n, 0x1000);
    seed(rig);
    backend.attach(iommu, other);
    rig.read(IOVA);
    unmap(domain, IOVA, 0x4000);
  };

/** The unit's word for a device with ATS, in the entry that a walk of its request reads: position in 64-bit words, and bits. */
const ATS: Readonly<Record<Vendor, { readonly entry: RegExp; readonly word: bigint; readonly bits: bigint }>> = {
  // Scalable-mode context entry: DTE [2].
  'intel-vtd': { entry: /context/i, word: 0n, bits: 4n },
  // STE: EATS [93:92] = 1, full ATS.
  'arm-smmuv3': { entry: /^STE$/, word: 1n, bits: 1n << 28n },
  // DTE: I [96].
  'amd-vi': { entry: /^DTE$/, word: 1n, bits: 1n << 32n },
};

/** The device has a translation cache of its own that the driver knows nothing of. */
export function forgetDeviceTlb(rig: FaultyMachine): void {
  const domain = rig.attached();
  map(domain, IOVA, PA, 0x1000);
  const { entry, word, bits } = ATS[rig.vendor];
  const found = rig.unit.explain(8, NO_PASID, IOVA, Access.READ).steps.find(({ what }) => entry.test(what))!;
  const at = found.address + word * 8n;
  const words = new DataView(new ArrayBuffer(8));
  words.setBigUint64(0, found.words[Number(word)]! | bits, true);
  rig.machine.memory.write(at, new Uint8Array(words.buffer));
  const tlb = new DeviceTlb(rig.unit, 8);
  rig.check.addDeviceTlb(tlb);
  tlb.translate(NO_PASID, hi32(IOVA), lo32(IOVA), Access.READ);
  unmap(domain, IOVA, 0x1000);
  tlb.translate(NO_PASID, hi32(IOVA), lo32(IOVA), Access.READ);
}

/** The driver does not look whether its invalidation is done. */
export function unmapWithoutWaiting(rig: FaultyMachine): void {
  const domain = mapFourPages(rig);
  rig.hurry();
  unmap(domain, IOVA, 0x4000);
  rig.read(IOVA + 0x3000n);
  rig.unit.step(64);
}

/** A device that was refused is given the page that it wanted, and is still refused. */
export function mapAfterRefusal(rig: FaultyMachine): void {
  const domain = rig.attached();
  rig.read(IOVA);
  rig.forgetTlb();
  map(domain, IOVA, PA, 0x1000);
  rig.read(IOVA);
}

/** A domain goes and another one gets its number, its tag in caches. */
export function reuseTag(rig: FaultyMachine): void {
  const { backend } = rig.machine;
  const { iommu } = rig.device();
  const old = mapFourPages(rig);
  rig.forgetTlb();
  backend.detach(iommu);
  if (rig.vendor !== 'intel-vtd') {
    // Numbers go with domains; VT-d's go with attachments.
    unmap(old, IOVA, 0x4000);
    old.free();
  }
  const next = rig.attached();
  map(next, IOVA, PA + 0x10_0000n, 0x1000);
  rig.read(IOVA);
}

/** A process's address space is taken from a device with an invalidation for another one. */
export function detachPasid(rig: FaultyMachine): void {
  const { backend } = rig.machine;
  const { iommu, port } = rig.device();
  const domain = backend.allocPaging(iommu, 0, undefined) as IommuDomain;
  backend.attach(iommu, domain, 3);
  map(domain, IOVA, PA, 0x1000);
  port.read(IOVA, 4, 3);
  rig.seed(editing(rig.edits.isStructure, rig.edits.otherPasid));
  backend.detach(iommu, 3);
  port.read(IOVA, 4, 3);
}

/** `struct iommu_hwpt_vtd_s1`: four levels from a guest's address 0x1000. */
const guestStage: HwptUserData = {
  type: 1,
  bytes: 24,
  read(into) {
    const view = new DataView(new ArrayBuffer(24));
    view.setBigUint64(8, 0x1000n, true);
    view.setUint32(16, 48, true);
    into.set(new Uint8Array(view.buffer).subarray(0, into.length));
    return true;
  },
};

/** The host takes a guest's memory away; the guest's own translations of it stay. */
export function unmapParent(rig: FaultyMachine): void {
  const { backend, memory } = rig.machine;
  const { iommu } = rig.device();
  const parent = backend.allocPaging(iommu, HwptFlag.NEST_PARENT, undefined) as IommuDomain;
  map(parent, 0n, PA & ~0x1f_ffffn, 0x40_0000);
  const store = (at: bigint, value: bigint): boolean => {
    const host = (PA & ~0x1f_ffffn) + at;
    return memory.store64(hi32(host), lo32(host), hi32(value), lo32(value));
  };
  [0x2000n, 0x3000n, 0x4000n].forEach((table, level) => store(BigInt(level + 1) * 0x1000n, table | 7n));
  store(0x4000n + 5n * 8n, 0x7000n | 7n);
  const nested = backend.allocNested?.(iommu, parent, 0, guestStage);
  if (nested === undefined || typeof nested === 'number') throw new Error(`no nested domain: ${nested}`);
  backend.attach(iommu, nested);
  rig.read(0x5000n);
  rig.forgetTlb();
  unmap(parent, 0n, 0x40_0000);
  rig.read(0x5000n);
}
