import { isLeft, right } from 'fp-ts/lib/Either.js';
import {
  answerOf,
  callWithStruct,
  done,
  withBuffer,
  type FieldKinds,
  type IoResult,
  type Process,
  type StructLayout,
  type StructValues,
} from '@ioasis/core';
import { IOMMU_TEST_CMD, TestCommand, TestOp, type TestOpName } from './test-command.js';

/** Ids of what MOCK_DOMAIN made. */
export interface MockDomainIds {
  /** The object that stands for the mock device; destroying it detaches and unbinds. */
  readonly stdevId: number;
  readonly deviceId: number;
  readonly hwptId: number;
}

/** A range of IOVA and the memory of the program that belongs to it. Bytes. */
export interface CheckedRange {
  readonly iova: bigint;
  readonly length: bigint;
  readonly userVa: bigint;
}

/** Flags of an access; the numbers of iommufd_test.h. */
const ACCESS = { WRITE: 1, SLOW_PATH: 4, NEEDS_PIN: 1 } as const;

/**
 * The fifteen operations of the kernel's test ioctl as calls with types, on the same way as a C program: bytes in the process's memory and
 * `ioctl`. Works where the machine has the service `iommufdTest`.
 */
export class MockClient {
  readonly process: Process;
  readonly fd: number;

  /** @param fd an open /dev/iommu of the process */
  constructor(process: Process, fd: number) {
    this.process = process;
    this.fd = fd;
  }

  #call<Kinds extends FieldKinds, A>(
    op: TestOpName,
    layout: StructLayout<Kinds>,
    values: Partial<StructValues<Kinds>>,
    pick: (answer: StructValues<Kinds>) => A,
  ): IoResult<A> {
    const filled = { ...values, op: TestOp[op] } as Partial<StructValues<Kinds>>;
    const answer = answerOf(callWithStruct(this.process, this.fd, IOMMU_TEST_CMD, layout, filled));
    return isLeft(answer) ? answer : right(pick(answer.right));
  }

  #do<Kinds extends FieldKinds>(
    op: TestOpName,
    layout: StructLayout<Kinds>,
    values: Partial<StructValues<Kinds>>,
  ): IoResult<0> {
    const answer = this.#call(op, layout, values, () => 0);
    return isLeft(answer) ? answer : done;
  }

  /** ADD_RESERVED: reserves `[start, start + length)` of an IOAS for as long as it lives. */
  addReserved(ioasId: number, start: bigint, length: bigint): IoResult<0> {
    return this.#do('ADD_RESERVED', TestCommand.ADD_RESERVED, { id: ioasId, start, length });
  }

  /**
   * MOCK_DOMAIN, or MOCK_DOMAIN_FLAGS when flags are given: a new mock device, bound and attached.
   * @param ptId an IOAS or a page table
   * @param flags OR of `MockDeviceFlag`
   */
  mockDomain(ptId: number, flags?: number): IoResult<MockDomainIds> {
    const op = flags === undefined ? 'MOCK_DOMAIN' : 'MOCK_DOMAIN_FLAGS';
    return this.#call(op, TestCommand.MOCK_DOMAIN, { id: ptId, dev_flags: flags ?? 0 }, (answer) => ({
      stdevId: answer.out_stdev_id,
      deviceId: answer.out_idev_id,
      hwptId: answer.out_hwpt_id,
    }));
  }

  /** MOCK_DOMAIN_REPLACE. @returns the page table in use */
  replace(stdevId: number, ptId: number): IoResult<number> {
    const values = { id: stdevId, pt_id: ptId };
    return this.#call('MOCK_DOMAIN_REPLACE', TestCommand.MOCK_DOMAIN_REPLACE, values, ({ pt_id }) => pt_id);
  }

  /** MD_CHECK_MAP: every IO page of the range leads to the program's memory. */
  checkMap(hwptId: number, { iova, length, userVa: uptr }: CheckedRange): IoResult<0> {
    return this.#do('MD_CHECK_MAP', TestCommand.MD_CHECK_MAP, { id: hwptId, iova, length, uptr });
  }

  /** MD_CHECK_REFS: every page is pinned `refs` times. */
  checkRefs(userVa: bigint, length: bigint, refs: number): IoResult<0> {
    return this.#do('MD_CHECK_REFS', TestCommand.MD_CHECK_REFS, { length, uptr: userVa, refs });
  }

  /** MD_CHECK_IOTLB: a slot of a nested page table holds the value. */
  checkIotlb(hwptId: number, slot: number, iotlb: number): IoResult<0> {
    return this.#do('MD_CHECK_IOTLB', TestCommand.MD_CHECK_IOTLB, { id: hwptId, slot, iotlb });
  }

  /** CREATE_ACCESS. @returns its descriptor */
  createAccess(ioasId: number, pinsPages: boolean): IoResult<number> {
    const values = { id: ioasId, flags: pinsPages ? ACCESS.NEEDS_PIN : 0 };
    return this.#call('CREATE_ACCESS', TestCommand.CREATE_ACCESS, values, ({ out_access_fd }) => out_access_fd);
  }

  /** ACCESS_REPLACE_IOAS. */
  replaceAccess(accessFd: number, ioasId: number): IoResult<0> {
    return this.#do('ACCESS_REPLACE_IOAS', TestCommand.ACCESS_REPLACE_IOAS, { id: accessFd, ioas_id: ioasId });
  }

  /** ACCESS_PAGES: pins and compares with the program's memory; user address 0 compares nothing. @returns id of the pinned pages */
  pinPages(accessFd: number, { iova, length, userVa: uptr }: CheckedRange, write: boolean): IoResult<number> {
    const values = { id: accessFd, flags: write ? ACCESS.WRITE : 0, iova, length, uptr };
    return this.#call('ACCESS_PAGES', TestCommand.ACCESS_PAGES, values, (answer) => answer.out_access_pages_id);
  }

  /** DESTROY_ACCESS_PAGES. */
  unpinPages(accessFd: number, pagesId: number): IoResult<0> {
    return this.#do('DESTROY_ACCESS_PAGES', TestCommand.DESTROY_ACCESS_PAGES, {
      id: accessFd,
      access_pages_id: pagesId,
    });
  }

  /** ACCESS_RW, reading. @param slow through pinned frames instead of the program's own mapping */
  read(accessFd: number, iova: bigint, bytes: number, slow = false): IoResult<Uint8Array> {
    const into = new Uint8Array(bytes);
    const answer = this.#readWrite(accessFd, iova, into, slow ? ACCESS.SLOW_PATH : 0);
    return isLeft(answer) ? answer : right(into);
  }

  /** ACCESS_RW, writing. */
  write(accessFd: number, iova: bigint, from: Uint8Array, slow = false): IoResult<0> {
    return this.#readWrite(accessFd, iova, Uint8Array.from(from), ACCESS.WRITE | (slow ? ACCESS.SLOW_PATH : 0));
  }

  #readWrite(id: number, iova: bigint, bytes: Uint8Array, flags: number): IoResult<0> {
    const length = BigInt(bytes.length);
    return withBuffer(this.process, bytes, (uptr) =>
      this.#do('ACCESS_RW', TestCommand.ACCESS_RW, { id, iova, length, uptr, flags }),
    );
  }

  /** SET_TEMP_MEMORY_LIMIT, for the whole machine. Bytes. */
  setTempMemoryLimit(limit: number): IoResult<0> {
    return this.#do('SET_TEMP_MEMORY_LIMIT', TestCommand.SET_TEMP_MEMORY_LIMIT, { limit });
  }

  /** DIRTY: the device writes to the pages whose bits are set. @returns how many were mapped */
  markDirty(hwptId: number, iova: bigint, length: bigint, pageSize: bigint, bitmap: Uint8Array): IoResult<bigint> {
    return withBuffer(this.process, Uint8Array.from(bitmap), (uptr) =>
      this.#call(
        'DIRTY',
        TestCommand.DIRTY,
        { id: hwptId, iova, length, page_size: pageSize, uptr },
        ({ out_nr_dirty }) => out_nr_dirty,
      ),
    );
  }

  /** TRIGGER_IOPF: a page request of a mock device. `pasid` 0: none. */
  triggerPageRequest(request: {
    readonly deviceId: number;
    readonly pasid?: number;
    readonly groupId: number;
    readonly permissions: number;
    readonly address: bigint;
  }): IoResult<0> {
    const { deviceId, pasid = 0, groupId, permissions, address } = request;
    return this.#do('TRIGGER_IOPF', TestCommand.TRIGGER_IOPF, {
      dev_id: deviceId,
      pasid,
      grpid: groupId,
      perm: permissions,
      addr: address,
    });
  }
}
