/*
 * One user space driver on three IOMMUs: open /dev/iommu, bind the device, map a buffer, do DMA, unmap, and see the next DMA refused. Every
 * step takes the way of the real one: ioctls with bytes in memory, page tables in memory, the unit's own walk.
 */
import { deepStrictEqual, strictEqual } from 'node:assert/strict';
import { vfio } from '@ioasis/compat-vfio';
import {
  callWithStruct,
  createMachine,
  describeRefusal,
  DmaEngine,
  IommufdClient,
  VfioDeviceAttachIommufdPt,
  VfioDeviceBindIommufd,
  VfioRequest,
  type BackendDefinition,
  type IoResult,
} from '@ioasis/core';
import { amdVi } from '@ioasis/hw-amd-vi';
import { armSmmuv3 } from '@ioasis/hw-arm-smmuv3';
import { intelVtd } from '@ioasis/hw-intel-vtd';
import { EduDevice } from '@ioasis/testkit';

const BUFFER = 0x7f00_0000_0000n;
const ADDRESS = '0000:00:01.0';

/** The value, or the refusal with its reason as an exception. */
function must<A>(result: IoResult<A>): A {
  if (result._tag === 'Left') throw new Error(describeRefusal(result.left));
  return result.right;
}

function driveOneDevice(backend: BackendDefinition): void {
  const machine = createMachine({
    backend,
    devices: [{ function: new EduDevice({}), address: ADDRESS, group: 1 }],
    services: [vfio({ personality: 'iommufd' })],
  });
  const process = machine.spawn();
  must(process.addressSpace.mmap(BUFFER, 0x1000n, 'rw', { kind: 'private' }));

  const iommu = must(IommufdClient.open(process));
  const device = must(process.open('/dev/vfio/devices/vfio0'));
  must(
    callWithStruct(process, device, VfioRequest.DEVICE_BIND_IOMMUFD, VfioDeviceBindIommufd, {
      iommufd: iommu.fd,
    }).result,
  );
  const ioasId = must(iommu.ioasAlloc());
  must(
    callWithStruct(process, device, VfioRequest.DEVICE_ATTACH_IOMMUFD_PT, VfioDeviceAttachIommufdPt, {
      pt_id: ioasId,
    }).result,
  );
  const iova = must(iommu.ioasMap({ ioasId, userVa: BUFFER, length: 0x1000n }));

  const requester = machine.device(ADDRESS)!.iommu;
  const dma = new DmaEngine(machine.backend.unitOf(requester), machine.memory, requester.requesterId);
  strictEqual(dma.write(iova, Uint8Array.of(1, 2, 3)).status, 'ok');
  deepStrictEqual([...process.addressSpace.peek(BUFFER, 3)], [1, 2, 3]);

  strictEqual(must(iommu.ioasUnmap(ioasId, iova, 0x1000n)), 0x1000n);
  const late = dma.write(iova, Uint8Array.of(4));
  strictEqual(late.status, 'blocked');

  process.exit();
  deepStrictEqual(machine.close().objects, []);
  const fault = late.pieces[0]?.fault;
  console.log(`${backend.id}: ${typeof fault === 'object' ? fault.name : fault}`);
}

for (const backend of [intelVtd(), amdVi(), armSmmuv3()]) driveOneDevice(backend);
