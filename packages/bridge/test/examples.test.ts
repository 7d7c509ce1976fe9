import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compile, examples, has, machineWithEdu, missing, run } from './native.js';

if (missing !== undefined) console.warn(`skipped: ${missing}`);

describe.skipIf(missing !== undefined)('the programs of examples/native', () => {
  it('map and unmap through /dev/iommu', async () => {
    const machine = machineWithEdu();
    const ran = await run(machine, compile('hello-iommufd'));
    expect(ran).toMatchObject({ status: 0, out: 'fd 3, ioas 1, unmapped 0x4000 bytes\n', err: '', refusals: [] });
    expect(machine.close()).toMatchObject({ pins: 0, userFrames: 0, objects: [] });
  });

  it.each(['iommufd', 'type1'] as const)(
    'do DMA through the container of %s and get an interrupt',
    async (personality) => {
      const machine = machineWithEdu(personality);
      const ran = await run(machine, compile('vfio-type1'));
      expect(ran).toMatchObject({
        out: '0000:00:01.0: 4096 bytes by DMA, 1 interrupt, nothing after unmap\n',
        status: 0,
      });
      expect(machine.close()).toMatchObject({ pins: 0, userFrames: 0, lockedPages: 0, objects: [] });
    },
  );

  it('do DMA through iommufd and a device file', async () => {
    const ran = await run(machineWithEdu(), compile('iommufd-cdev'));
    expect(ran).toMatchObject({ status: 0, out: '/dev/vfio/devices/vfio0: 4096 bytes by DMA\n', err: '' });
  });

  it.skipIf(!has('python3'))('do DMA in Python', async () => {
    const ran = await run(machineWithEdu(), 'python3', [join(examples, 'map.py')]);
    expect(ran).toMatchObject({ status: 0, out: '4096 bytes by DMA in Python\n', err: '' });
    expect(ran.refusals).toEqual(['ioctl EEXIST MAP_IOVA_OCCUPIED']);
  });

  it.skipIf(!has('python3'))('look around in a shell and hand a descriptor on', async () => {
    const ran = await run(machineWithEdu(), 'sh', [join(examples, 'look.sh')]);
    expect(ran).toMatchObject({ status: 0, out: '1 0x1234 vfio0\nVFIO API version 0\n', err: '' });
  });
});
