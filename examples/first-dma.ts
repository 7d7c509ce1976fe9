/*
 * The first thing to try: a device's DMA through an IOMMU, what a refused call says, and what DMA meets when the mapping is gone.
 *
 * Prints:
 *   the program reads 1,2,3
 *   EEXIST MAP_IOVA_OCCUPIED: a fixed IOVA range has no mapping in it [iova=0x100000 last=0x100fff areaStart=0x100000 areaLast=0x100fff] unmap the blocking area first
 *   after the unmap: READ_DENIED, entry 0x0 at 0x100007800
 */
// #region readme
import { describeRefusal, hex } from '@ioasis/core';
import { intelVtd } from '@ioasis/hw-intel-vtd';
import { createTestMachine } from '@ioasis/testkit';

const pc = createTestMachine({ backend: intelVtd() }); // or amdVi(), armSmmuv3()
const buffer = pc.buffer(0x1000);
const iova = pc.map(buffer, 0x10_0000n);
pc.dma.write(iova, Uint8Array.of(1, 2, 3));
console.log(`the program reads ${buffer.read(0, 3).join()}`);

const again = pc.iommufd.ioasMap({ ioasId: pc.ioasId, userVa: buffer.va, length: 0x1000n, iova });
if (again._tag === 'Left') console.log(describeRefusal(again.left));

pc.unmap(iova, buffer.bytes);
const fault = pc.dma.read(iova, 4).pieces[0]?.fault;
if (typeof fault !== 'object') throw new Error('the device still reaches the buffer');
const { entry, entryAddress } = fault.details;
console.log(`after the unmap: ${fault.name}, entry ${hex(BigInt(entry ?? 0))} at ${hex(BigInt(entryAddress ?? 0))}`);
// #endregion
