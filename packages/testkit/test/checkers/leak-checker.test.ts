import { describe, expect, it } from 'vitest';
import { IommufdClient } from '@ioasis/core';
import { intelVtd } from '@ioasis/hw-intel-vtd';
import { checkers, createTestMachine, must } from '../../src/index.js';
import { CheckedMachine, IOVA, map, PA } from './machines.js';

describe('when all programs have ended', () => {
  it('nothing is said of a program that simply stops: the kernel cleans up', () => {
    const check = checkers();
    const pc = createTestMachine({ backend: intelVtd(), services: [check] });
    pc.map(pc.buffer(0x4000), IOVA);
    pc.dma.read(IOVA, 4);
    pc.close();
    expect(check.text()).toBe('');
    expect(() => check.assertClean()).not.toThrow();
  });

  it('tables of a domain that nobody freed are named with the call that made them', () => {
    const rig = new CheckedMachine(intelVtd(), { only: ['leaks'] });
    rig.check.operation('probe', () => map(rig.attached(), IOVA, PA, 0x1000));
    for (const { iommu } of rig.machine.devices.slice()) {
      rig.machine.backend.detach(iommu);
      rig.machine.unplug(iommu.name);
    }
    rig.machine.close();
    const tables = rig.check.findings.find((finding) => finding.checker === 'leaks' && finding.held === 'table-frames');
    expect(tables).toMatchObject({ count: expect.any(Number), calls: [{ name: 'probe' }] });
    expect(() => rig.check.assertClean()).toThrow(/leak: \d+ table frames held after all programs ended\n {2}by probe/);
  });

  it('an object that the kernel still holds is named with the call that made it', () => {
    const rig = new CheckedMachine(intelVtd(), { only: ['leaks'] });
    const process = rig.machine.spawn();
    const client = must(IommufdClient.open(process));
    must(client.ioasAlloc());
    // A kernel that forgets to let go of its objects when a file is closed.
    process.fileOf(client.fd)!.release = () => undefined;
    rig.machine.close();
    expect(rig.check.findings).toMatchObject([
      { held: 'object', name: 'iommufd ioas 1', calls: [{ name: 'IOMMU_IOAS_ALLOC' }] },
    ]);
    expect(rig.check.text()).toMatch(/^leak: iommufd ioas 1 held after all programs ended\n {2}by IOMMU_IOAS_ALLOC/);
  });
});
