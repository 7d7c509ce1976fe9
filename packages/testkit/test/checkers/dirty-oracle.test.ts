import { describe, expect, it } from 'vitest';
import { hi32, HwptFlag, IotlbGather, lo32, type BackendDefinition, type IommuDomain } from '@ioasis/core';
import { amdVi } from '@ioasis/hw-amd-vi';
import { armSmmuv3 } from '@ioasis/hw-arm-smmuv3';
import { intelVtd } from '@ioasis/hw-intel-vtd';
import { FaultyMachine } from './faulty-machine.js';
import { IOVA, map, PA, type Vendor } from './machines.js';

const backends: readonly (readonly [Vendor, BackendDefinition])[] = [
  ['intel-vtd', intelVtd({ preset: 'xeon-sapphire-rapids' })],
  ['arm-smmuv3', armSmmuv3({ preset: 'server' })],
  ['amd-vi', amdVi({ preset: 'zen-server' })],
];

/** Address bits that a leaf has in all formats. */
const ADDRESS = 0xf_ffff_f000n;

/** Reads and clears the dirty pages. */
function readDirty(domain: IommuDomain): void {
  const gather = new IotlbGather();
  domain.dirty!.readAndClear(hi32(IOVA), lo32(IOVA), 0x4000, 0, { mark: () => undefined }, gather);
  domain.syncUnmap(gather);
}

/** A tracked domain whose four pages are clean. */
function tracked(vendor: Vendor, backend: BackendDefinition): { rig: FaultyMachine; domain: IommuDomain } {
  const rig = new FaultyMachine(vendor, backend, ['dirty-oracle']);
  const domain = rig.attached(undefined, HwptFlag.DIRTY_TRACKING);
  for (let page = 0n; page < 4n; page++) map(domain, IOVA + page * 0x1000n, PA + page * 0x5000n, 0x1000);
  domain.dirty!.setTracking(true);
  readDirty(domain);
  domain.flushAll();
  return { rig, domain };
}

describe.each(backends)('%s', (vendor, backend) => {
  it('is silent when every write is reported, and says nothing of what was not asked for', () => {
    const { rig, domain } = tracked(vendor, backend);
    rig.write(IOVA);
    rig.write(IOVA + 0x2000n);
    rig.read(IOVA + 0x3000n);
    readDirty(domain);
    domain.flushAll();
    rig.write(IOVA + 0x2000n);
    readDirty(domain);
    expect(rig.check.text()).toBe('');
  });

  it('finds the page that a write went to while its translation was cached as dirty', () => {
    const { rig, domain } = tracked(vendor, backend);
    rig.write(IOVA);
    rig.forgetTlb();
    readDirty(domain);
    rig.write(IOVA);
    rig.check.operation('migrate', () => readDirty(domain));
    expect(rig.check.findings).toMatchObject([
      { problem: 'lost', range: { start: IOVA, last: IOVA + 0xfffn }, dma: { iova: IOVA }, call: { name: 'migrate' } },
    ]);
    expect(rig.check.text()).toMatch(/dirty page lost at step \d+: \[0x40000000, 0x40000fff\] of domain 1 was written/);
  });

  it('finds a page that is reported and was not written', () => {
    const { rig, domain } = tracked(vendor, backend);
    rig.write(IOVA);
    const { memory } = rig.machine;
    // Somebody gives the flags of the written page to its neighbour.
    const leafOf = (iova: bigint) => rig.unit.explain(8, -1, iova, 1).steps.at(-1)!;
    const [written, other] = [leafOf(IOVA), leafOf(IOVA + 0x1000n)];
    const word = (other.words[0]! & ADDRESS) | (written.words[0]! & ~ADDRESS);
    memory.store64(hi32(other.address), lo32(other.address), hi32(word), lo32(word));
    readDirty(domain);
    expect(rig.check.findings).toMatchObject([
      { problem: 'spurious', range: { start: IOVA + 0x1000n, last: IOVA + 0x1fffn } },
    ]);
  });
});
