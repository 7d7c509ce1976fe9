import { isLeft, right } from 'fp-ts/lib/Either.js';
import {
  VfioBitmap,
  VfioIommuType1DirtyBitmap,
  VfioIommuType1DirtyBitmapGet,
  VfioIommuType1DmaMap,
  VfioIommuType1DmaUnmap,
  VfioIommuType1Info,
  VfioRequest,
  type IoResult,
  type Process,
} from '@ioasis/core';
import { CONTAINER_PATH, DirtyFlag, MapFlag, UnmapFlag } from '../abi/constants.js';
import { decodeContainerInfo, type ContainerInfo } from './container-info.js';
import { structCall } from './struct-call.js';

/** A mapping to make. Sizes and addresses are bytes. */
export interface DmaMapping {
  readonly vaddr: bigint;
  readonly iova: bigint;
  readonly size: bigint;
  /** OR of `MapFlag`; READ and WRITE unless given. */
  readonly flags?: number;
}

/** A range to unmap, bytes. */
export interface DmaRange {
  readonly iova: bigint;
  readonly size: bigint;
}

/** What VFIO_IOMMU_UNMAP_DMA came to. */
export interface UnmapAnswer {
  readonly result: IoResult<0>;
  /** `size` as the kernel left it: bytes unmapped, where it wrote them. */
  readonly size: bigint;
}

/** A container for TypeScript programs: each method builds the bytes that a C program would, makes the ioctl and decodes the answer. */
export class VfioContainerClient {
  readonly process: Process;
  readonly fd: number;

  constructor(process: Process, fd: number) {
    this.process = process;
    this.fd = fd;
  }

  /** Opens the container, or another file that serves its ioctls such as `/dev/iommu`. */
  static open(process: Process, path: string = CONTAINER_PATH): IoResult<VfioContainerClient> {
    const fd = process.open(path);
    return isLeft(fd) ? fd : right(new VfioContainerClient(process, fd.right));
  }

  /** VFIO_GET_API_VERSION. @returns 0, the only version there is */
  apiVersion(): IoResult<number> {
    return this.process.ioctl(this.fd, VfioRequest.GET_API_VERSION, 0n);
  }

  /** VFIO_CHECK_EXTENSION; `extension` is a number of `VfioExtension`. @returns 0 when the container lacks it */
  checkExtension(extension: number): IoResult<number> {
    return this.process.ioctl(this.fd, VfioRequest.CHECK_EXTENSION, BigInt(extension));
  }

  /** VFIO_SET_IOMMU; `type` is a number of `VfioExtension` that names a kind of container, which needs a group before. */
  setIommu(type: number): IoResult<number> {
    return this.process.ioctl(this.fd, VfioRequest.SET_IOMMU, BigInt(type));
  }

  /** Page sizes and capabilities, in two steps as clients do: first how many bytes are needed, then all of them. */
  getInfo(): IoResult<ContainerInfo> {
    let argsz = VfioIommuType1Info.size;
    for (;;) {
      const { result, bytes } = this.getInfoBytes(argsz);
      if (isLeft(result)) return result;
      const needed = VfioIommuType1Info.decode(bytes).argsz;
      if (needed <= argsz) return right(decodeContainerInfo(bytes));
      argsz = needed;
    }
  }

  /** One VFIO_IOMMU_GET_INFO with room for `argsz` bytes. */
  getInfoBytes(argsz: number): { readonly result: IoResult<number>; readonly bytes: Uint8Array } {
    const bytes = new Uint8Array(Math.max(argsz, VfioIommuType1Info.size));
    bytes.set(VfioIommuType1Info.encode({ argsz }));
    return structCall(this.process, this.fd, VfioRequest.IOMMU_GET_INFO, bytes);
  }

  /** VFIO_IOMMU_MAP_DMA; `size` in bytes, readable and writable unless `flags` say otherwise. */
  mapDma({ vaddr, iova, size, flags = MapFlag.READ | MapFlag.WRITE }: DmaMapping): IoResult<number> {
    const argsz = VfioIommuType1DmaMap.size;
    const bytes = VfioIommuType1DmaMap.encode({ argsz, flags, vaddr, iova, size });
    return structCall(this.process, this.fd, VfioRequest.IOMMU_MAP_DMA, bytes).result;
  }

  /** VFIO_IOMMU_UNMAP_DMA; `flags` is an OR of `UnmapFlag` without GET_DIRTY_BITMAP. The bytes unmapped may be fewer than asked for. */
  unmapDma({ iova, size }: DmaRange, flags = 0): UnmapAnswer {
    const argsz = VfioIommuType1DmaUnmap.size;
    const bytes = VfioIommuType1DmaUnmap.encode({ argsz, flags, iova, size });
    return unmapAnswer(structCall(this.process, this.fd, VfioRequest.IOMMU_UNMAP_DMA, bytes));
  }

  /** Unmaps everything (VFIO_DMA_UNMAP_FLAG_ALL). */
  unmapAll(): UnmapAnswer {
    return this.unmapDma({ iova: 0n, size: 0n }, UnmapFlag.ALL);
  }

  /** Unmaps and gets the dirty pages of what was mapped. `data` is the address of a bitmap of `bytes` bytes. */
  unmapWithDirty({ iova, size }: DmaRange, pgsize: bigint, data: bigint, bytes: bigint): UnmapAnswer {
    const argsz = VfioIommuType1DmaUnmap.size + VfioBitmap.size;
    const argument = new Uint8Array(argsz);
    argument.set(VfioIommuType1DmaUnmap.encode({ argsz, flags: UnmapFlag.GET_DIRTY_BITMAP, iova, size }));
    argument.set(VfioBitmap.encode({ pgsize, size: bytes, data }), VfioIommuType1DmaUnmap.size);
    return unmapAnswer(structCall(this.process, this.fd, VfioRequest.IOMMU_UNMAP_DMA, argument));
  }

  /** Starts or stops the tracking of dirty pages in the classic container. */
  trackDirty(on: boolean): IoResult<number> {
    const flags = on ? DirtyFlag.START : DirtyFlag.STOP;
    const bytes = VfioIommuType1DirtyBitmap.encode({ argsz: VfioIommuType1DirtyBitmap.size, flags });
    return structCall(this.process, this.fd, VfioRequest.IOMMU_DIRTY_PAGES, bytes).result;
  }

  /** Gets the dirty pages of a range into the bitmap at `data`, `bytes` bytes long. */
  getDirty({ iova, size }: DmaRange, pgsize: bigint, data: bigint, bytes: bigint): IoResult<number> {
    const argsz = VfioIommuType1DirtyBitmap.size + VfioIommuType1DirtyBitmapGet.size;
    const argument = new Uint8Array(argsz);
    argument.set(VfioIommuType1DirtyBitmap.encode({ argsz, flags: DirtyFlag.GET_BITMAP }));
    const range = { iova, size, pgsize, bitmap_size: bytes, data };
    argument.set(VfioIommuType1DirtyBitmapGet.encode(range), VfioIommuType1DirtyBitmap.size);
    return structCall(this.process, this.fd, VfioRequest.IOMMU_DIRTY_PAGES, argument).result;
  }

  /** Closes the descriptor. */
  close(): IoResult<0> {
    return this.process.close(this.fd);
  }
}

function unmapAnswer({
  result,
  bytes,
}: {
  readonly result: IoResult<number>;
  readonly bytes: Uint8Array;
}): UnmapAnswer {
  return { result: isLeft(result) ? result : right(0), size: VfioIommuType1DmaUnmap.decode(bytes).size };
}
