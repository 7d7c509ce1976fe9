import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { PhysicalMemory, Prot } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import { device, driverBench, mapRun, REGISTERS, unmapRun } from './driver-bench.js';
import { legacyContext } from './second-stage-walk.js';

interface Snapshot {
  readonly root: string;
  readonly pages: readonly [address: string, hex: string][];
  readonly devices: readonly {
    readonly sid: string;
    readonly entry: readonly [string, string];
    readonly table_root: string;
  }[];
}

/** Tables that Linux 6.12's own driver wrote (fixtures/README.md). */
const path = new URL('../../../../fixtures/linux-tables/vtd-linux-6.12-aw39.json.gz', import.meta.url);
const snapshot = JSON.parse(gunzipSync(readFileSync(path)).toString()) as Snapshot;

const linux = new PhysicalMemory({
  windows: [
    { start: 0n, last: 0x7fff_ffffn },
    { start: 0x1_0000_0000n, last: 0x1_7fff_ffffn },
  ],
  arena: { start: 0n, last: 0xf_ffffn },
});
for (const [address, hex] of snapshot.pages) linux.write(BigInt(address), Buffer.from(hex, 'hex'));

describe("context entries that Linux's driver wrote", () => {
  it('come out alike but for addresses, with the domain ids of the same order', () => {
    const { memory, fake, driver, domain: make, load } = driverBench(REGISTERS.aw39);
    const domains = new Map<string, ReturnType<typeof make>>();
    for (const { sid, table_root } of snapshot.devices) {
      const domain = domains.get(table_root) ?? make();
      domains.set(table_root, domain);
      driver.addDevice(device(Number(sid)));
      expect(driver.attach(device(Number(sid)), domain)).toBe(0);
    }
    const root = BigInt(fake.read32(0x20));
    for (const { sid, entry, table_root } of snapshot.devices) {
      const linuxEntry = legacyContext(linux, BigInt(snapshot.root), Number(sid));
      expect(linuxEntry).toEqual(entry.map(BigInt));
      const ours = legacyContext(memory, root, Number(sid));
      expect(ours[0] - domains.get(table_root)!.root).toBe(linuxEntry[0] - BigInt(table_root));
      expect(ours[1]).toBe(linuxEntry[1]);
    }
    // One root entry for each bus, P only.
    for (const bus of [0n, 1n, 2n, 3n]) expect(load(root + bus * 16n) & 0xfffn).toBe(1n);
  });
});

describe('a device that leaves its kernel driver for VFIO', () => {
  it('is moved, mapped and unmapped with the recorded commands', () => {
    const { fake, driver, domain: make } = driverBench(REGISTERS.aw39);
    // 00:07.0 is the seventh group in order: domain 8.
    for (let id = 2; id < 8; id++) {
      driver.addDevice(device(id * 0x100));
      driver.attach(device(id * 0x100), make());
    }
    const edu = device(0x38);
    driver.addDevice(edu);
    driver.attach(edu, make());
    fake.take();
    const user = make();
    driver.attach(edu, user);
    expect(fake.take()).toEqual([
      [0x38_0008_0031n, 0n],
      [0x8_00e2n, 0n],
    ]);
    mapRun(user, 0n, 0x5000n, 4096, Prot.READ | Prot.WRITE);
    mapRun(user, 0x3000_0000n, 0x5000n, 0x8000, Prot.READ | Prot.WRITE);
    mapRun(user, 0x3100_0000n, 0x1_0020_0000n, 0x20_0000, Prot.READ | Prot.WRITE);
    unmapRun(user, 0n, 4096);
    unmapRun(user, 0x3000_0000n, 0x8000);
    unmapRun(user, 0x3100_0000n, 0x20_0000);
    expect(fake.take()).toEqual([
      [0x8_00f2n, 0x40n],
      [0x8_00f2n, 0x3000_0043n],
      [0x8_00f2n, 0x3100_0049n],
    ]);
    expect(fake.waits.every(([q0]) => q0 === 0x2_0000_0025n)).toBe(true);
  });
});
