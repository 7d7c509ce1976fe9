import { isLeft, right } from 'fp-ts/lib/Either.js';
import {
  DirtyBitmapFlag,
  DirtyTrackingFlag,
  IoasMapFlag,
  IommuDestroy,
  IommuFaultAlloc,
  IommufdRequest,
  IommuHwInfo,
  IommuHwptAlloc,
  IommuHwptGetDirtyBitmap,
  IommuHwptInvalidate,
  IommuHwptSetDirtyTracking,
  IommuIoasAllowIovas,
  IommuIoasAlloc,
  IommuIoasCopy,
  IommuIoasIovaRanges,
  IommuIoasMap,
  IommuIoasUnmap,
  IommuIovaRange,
  IommuOption,
  IommuOptionId,
  IommuOptionOp,
  IommuVfioIoas,
  VfioIoasOp,
  type FieldKinds,
  type StructLayout,
  type StructValues,
} from '../abi/index.js';
import { U64_MAX, type Range64 } from '../bits/index.js';
import { HwptFlag } from '../domain/index.js';
import { done, type IoResult, type Refusal } from '../errno/index.js';
import type { Process } from '../process/index.js';
import { answerOf, callWithStruct, withBuffer, type StructCall } from './typed-call.js';

/** What may be done through a mapping; both unless said otherwise. */
export interface MapPermissions {
  readonly readable?: boolean;
  readonly writable?: boolean;
}

/** IOMMU_IOAS_MAP. Addresses and lengths are bytes. */
export interface IoasMap extends MapPermissions {
  readonly ioasId: number;
  readonly userVa: bigint;
  readonly length: bigint;
  /** Fixed IOVA; the kernel chooses without one. */
  readonly iova?: bigint;
}

/** IOMMU_IOAS_COPY. */
export interface IoasCopy extends MapPermissions {
  readonly srcIoasId: number;
  readonly srcIova: bigint;
  readonly dstIoasId: number;
  readonly length: bigint;
  /** Fixed IOVA in the destination; the kernel chooses without one. */
  readonly dstIova?: bigint;
}

/** IOMMU_HWPT_ALLOC. */
export interface HwptAlloc {
  readonly deviceId: number;
  /** An IOAS, or a page table that is a nest parent. */
  readonly ptId: number;
  readonly nestParent?: boolean;
  readonly dirtyTracking?: boolean;
  /** Fault queue for page requests. */
  readonly faultId?: number;
  /** Driver data of a nested page table. */
  readonly data?: { readonly type: number; readonly bytes: Uint8Array };
}

/** Answer of IOMMU_GET_HW_INFO. */
export interface HwInfoAnswer {
  readonly type: number;
  readonly data: Uint8Array;
  /** OR of `HwCapability`. */
  readonly capabilities: bigint;
  readonly maxPasidLog2: number;
}

type HwInfoStruct = ReturnType<typeof IommuHwInfo.decode>;

const permissionFlags = ({ readable = true, writable = true }: MapPermissions): number =>
  (readable ? IoasMapFlag.READABLE : 0) | (writable ? IoasMapFlag.WRITEABLE : 0);

/**
 * The ioctls of /dev/iommu as calls with types. Each builds the structure in the process's memory and passes its address to `ioctl`, so a
 * test in TypeScript and a C program take the same way.
 */
export class IommufdClient {
  readonly process: Process;
  readonly fd: number;

  constructor(process: Process, fd: number) {
    this.process = process;
    this.fd = fd;
  }

  /** Opens /dev/iommu for a process. */
  static open(process: Process): IoResult<IommufdClient> {
    const fd = process.open('/dev/iommu');
    return isLeft(fd) ? fd : right(new IommufdClient(process, fd.right));
  }

  #raw<Kinds extends FieldKinds>(
    request: number,
    layout: StructLayout<Kinds>,
    values: Partial<StructValues<Kinds>>,
  ): StructCall<Kinds> {
    return callWithStruct(this.process, this.fd, request, layout, values);
  }

  #call<Kinds extends FieldKinds, A>(
    request: number,
    layout: StructLayout<Kinds>,
    values: Partial<StructValues<Kinds>>,
    pick: (answer: StructValues<Kinds>) => A,
  ): IoResult<A> {
    const answer = answerOf(this.#raw(request, layout, values));
    return isLeft(answer) ? answer : right(pick(answer.right));
  }

  #do<Kinds extends FieldKinds>(
    request: number,
    layout: StructLayout<Kinds>,
    values: Partial<StructValues<Kinds>>,
  ): IoResult<0> {
    const { result } = this.#raw(request, layout, values);
    return isLeft(result) ? result : done;
  }

  /** IOMMU_DESTROY. */
  destroy(id: number): IoResult<0> {
    return this.#do(IommufdRequest.DESTROY, IommuDestroy, { id });
  }

  /** IOMMU_IOAS_ALLOC. @returns the id */
  ioasAlloc(): IoResult<number> {
    return this.#call(IommufdRequest.IOAS_ALLOC, IommuIoasAlloc, {}, ({ out_ioas_id }) => out_ioas_id);
  }

  /** IOMMU_IOAS_MAP. @returns the IOVA */
  ioasMap({ ioasId, userVa, length, iova, ...permissions }: IoasMap): IoResult<bigint> {
    const flags = permissionFlags(permissions) | (iova === undefined ? 0 : IoasMapFlag.FIXED_IOVA);
    const values = { flags, ioas_id: ioasId, user_va: userVa, length, iova: iova ?? 0n };
    return this.#call(IommufdRequest.IOAS_MAP, IommuIoasMap, values, (answer) => answer.iova);
  }

  /** IOMMU_IOAS_COPY. @returns the IOVA in the destination */
  ioasCopy({ srcIoasId, srcIova, dstIoasId, dstIova, length, ...permissions }: IoasCopy): IoResult<bigint> {
    const flags = permissionFlags(permissions) | (dstIova === undefined ? 0 : IoasMapFlag.FIXED_IOVA);
    const ids = { src_ioas_id: srcIoasId, dst_ioas_id: dstIoasId };
    const values = { flags, ...ids, src_iova: srcIova, dst_iova: dstIova ?? 0n, length };
    return this.#call(IommufdRequest.IOAS_COPY, IommuIoasCopy, values, (answer) => answer.dst_iova);
  }

  /** IOMMU_IOAS_UNMAP. @returns bytes unmapped */
  ioasUnmap(ioasId: number, iova: bigint, length: bigint): IoResult<bigint> {
    const values = { ioas_id: ioasId, iova, length };
    return this.#call(IommufdRequest.IOAS_UNMAP, IommuIoasUnmap, values, (answer) => answer.length);
  }

  /** IOMMU_IOAS_UNMAP of everything. @returns bytes unmapped */
  ioasUnmapAll(ioasId: number): IoResult<bigint> {
    return this.ioasUnmap(ioasId, 0n, U64_MAX);
  }

  /** IOMMU_IOAS_IOVA_RANGES, first for their number and then for the ranges. */
  ioasIovaRanges(ioasId: number): IoResult<{ readonly ranges: readonly Range64[]; readonly alignment: bigint }> {
    const probe = this.#raw(IommufdRequest.IOAS_IOVA_RANGES, IommuIoasIovaRanges, { ioas_id: ioasId });
    if (isLeft(probe.result) && probe.result.left.errno !== 'EMSGSIZE') return probe.result;
    const bytes = new Uint8Array(probe.values.num_iovas * IommuIovaRange.size);
    return withBuffer(this.process, bytes, (allowed_iovas) => {
      const values = { ioas_id: ioasId, num_iovas: probe.values.num_iovas, allowed_iovas };
      return this.#call(IommufdRequest.IOAS_IOVA_RANGES, IommuIoasIovaRanges, values, (answer) => {
        const listed = this.process.addressSpace.peek(allowed_iovas, bytes.length);
        const at = (index: number): Range64 => IommuIovaRange.decode(listed.subarray(index * IommuIovaRange.size));
        const ranges = Array.from({ length: answer.num_iovas }, (_, index) => at(index));
        return { ranges, alignment: answer.out_iova_alignment };
      });
    });
  }

  /** IOMMU_IOAS_ALLOW_IOVAS. */
  ioasAllowIovas(ioasId: number, ranges: readonly Range64[]): IoResult<0> {
    const bytes = new Uint8Array(ranges.length * IommuIovaRange.size);
    for (const [index, { start, last }] of ranges.entries()) {
      bytes.set(IommuIovaRange.encode({ start, last }), index * IommuIovaRange.size);
    }
    return withBuffer(this.process, bytes, (allowed_iovas) =>
      this.#do(IommufdRequest.IOAS_ALLOW_IOVAS, IommuIoasAllowIovas, {
        ioas_id: ioasId,
        num_iovas: ranges.length,
        allowed_iovas,
      }),
    );
  }

  /** IOMMU_OPTION GET. */
  getOption(option: keyof typeof IommuOptionId, objectId = 0): IoResult<bigint> {
    const values = { option_id: IommuOptionId[option], op: IommuOptionOp.GET, object_id: objectId };
    return this.#call(IommufdRequest.OPTION, IommuOption, values, ({ val64 }) => val64);
  }

  /** IOMMU_OPTION SET. */
  setOption(option: keyof typeof IommuOptionId, value: bigint, objectId = 0): IoResult<0> {
    const values = { option_id: IommuOptionId[option], op: IommuOptionOp.SET, object_id: objectId, val64: value };
    return this.#do(IommufdRequest.OPTION, IommuOption, values);
  }

  /** IOMMU_VFIO_IOAS GET. @returns the id of the compatibility IOAS */
  getVfioIoas(): IoResult<number> {
    return this.#call(IommufdRequest.VFIO_IOAS, IommuVfioIoas, { op: VfioIoasOp.GET }, ({ ioas_id }) => ioas_id);
  }

  /** IOMMU_VFIO_IOAS SET, or CLEAR without an id. */
  setVfioIoas(ioasId: number | undefined): IoResult<0> {
    const op = ioasId === undefined ? VfioIoasOp.CLEAR : VfioIoasOp.SET;
    return this.#do(IommufdRequest.VFIO_IOAS, IommuVfioIoas, { op, ioas_id: ioasId ?? 0 });
  }

  /** IOMMU_HWPT_ALLOC. @returns the id */
  hwptAlloc({ deviceId, ptId, nestParent, dirtyTracking, faultId, data }: HwptAlloc): IoResult<number> {
    const flags =
      (nestParent === true ? HwptFlag.NEST_PARENT : 0) |
      (dirtyTracking === true ? HwptFlag.DIRTY_TRACKING : 0) |
      (faultId === undefined ? 0 : HwptFlag.FAULT_ID_VALID);
    const driverData = Uint8Array.from(data?.bytes ?? []);
    return withBuffer(this.process, driverData, (data_uptr) =>
      this.#call(
        IommufdRequest.HWPT_ALLOC,
        IommuHwptAlloc,
        {
          flags,
          dev_id: deviceId,
          pt_id: ptId,
          data_type: data?.type ?? 0,
          data_len: driverData.length,
          data_uptr: data === undefined ? 0n : data_uptr,
          fault_id: faultId ?? 0,
        },
        ({ out_hwpt_id }) => out_hwpt_id,
      ),
    );
  }

  /** IOMMU_GET_HW_INFO, first for the length and then for the data. */
  hwInfo(deviceId: number): IoResult<HwInfoAnswer> {
    const ask = <A>(data_len: number, data_uptr: bigint, pick: (answer: HwInfoStruct) => A): IoResult<A> =>
      this.#call(IommufdRequest.GET_HW_INFO, IommuHwInfo, { dev_id: deviceId, data_len, data_uptr }, pick);
    const length = ask(0, 0n, ({ data_len }) => data_len);
    if (isLeft(length)) return length;
    const data = new Uint8Array(length.right);
    return withBuffer(this.process, data, (addr) =>
      ask(data.length, addr, (answer) => ({
        type: answer.out_data_type,
        data,
        capabilities: answer.out_capabilities,
        maxPasidLog2: answer.out_max_pasid_log2,
      })),
    );
  }

  /** IOMMU_HWPT_SET_DIRTY_TRACKING. */
  setDirtyTracking(hwptId: number, enabled: boolean): IoResult<0> {
    const flags = enabled ? DirtyTrackingFlag.ENABLE : 0;
    return this.#do(IommufdRequest.HWPT_SET_DIRTY_TRACKING, IommuHwptSetDirtyTracking, { hwpt_id: hwptId, flags });
  }

  /**
   * IOMMU_HWPT_GET_DIRTY_BITMAP.
   * @returns one bit for each page of `pageSize` bytes, bit 0 of byte 0 for the one at `iova`
   */
  getDirtyBitmap(range: {
    readonly hwptId: number;
    readonly iova: bigint;
    readonly length: bigint;
    readonly pageSize: bigint;
    readonly clear?: boolean;
  }): IoResult<Uint8Array> {
    const { hwptId, iova, length, pageSize, clear = true } = range;
    const bits = pageSize === 0n ? 0n : (length + pageSize - 1n) / pageSize;
    const bitmap = new Uint8Array(Number((bits + 7n) / 8n));
    const answer = withBuffer(this.process, bitmap, (data) =>
      this.#do(IommufdRequest.HWPT_GET_DIRTY_BITMAP, IommuHwptGetDirtyBitmap, {
        hwpt_id: hwptId,
        flags: clear ? 0 : DirtyBitmapFlag.NO_CLEAR,
        iova,
        length,
        page_size: pageSize,
        data,
      }),
    );
    return isLeft(answer) ? answer : right(bitmap);
  }

  /** IOMMU_HWPT_INVALIDATE. The number of entries that were handled is known also when one was refused. */
  invalidate(
    hwptId: number,
    dataType: number,
    entryBytes: number,
    entries: Uint8Array,
  ): { readonly handled: number; readonly refusal: Refusal | undefined } {
    return withBuffer(this.process, Uint8Array.from(entries), (data_uptr) => {
      const { result, values } = this.#raw(IommufdRequest.HWPT_INVALIDATE, IommuHwptInvalidate, {
        hwpt_id: hwptId,
        data_uptr,
        data_type: dataType,
        entry_len: entryBytes,
        entry_num: entryBytes === 0 ? 0 : entries.length / entryBytes,
      });
      return { handled: values.entry_num, refusal: isLeft(result) ? result.left : undefined };
    });
  }

  /** IOMMU_FAULT_QUEUE_ALLOC. @returns the id and the descriptor of the queue */
  faultQueueAlloc(): IoResult<{ readonly faultId: number; readonly fd: number }> {
    return this.#call(IommufdRequest.FAULT_QUEUE_ALLOC, IommuFaultAlloc, {}, (answer) => ({
      faultId: answer.out_fault_id,
      fd: answer.out_fault_fd,
    }));
  }
}
