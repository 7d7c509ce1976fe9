import { right } from 'fp-ts/lib/Either.js';
import { IommuHwptPageResponse, IommuHwptPgfault, PageFaultFlag, PageResponse } from '../abi/index.js';
import type { PageRequest } from '../domain/index.js';
import type { IoResult } from '../errno/index.js';
import { PollEvent, type OpenFile, type Process } from '../process/index.js';
import type { ContextState } from './context-state.js';
import type { FaultQueue, PageRequestGroup } from './fault-queue.js';
import { iommufdRefusals } from './refusals.js';

const { refuse } = iommufdRefusals;
const RECORD_BYTES = IommuHwptPgfault.size;
const ANSWER_BYTES = IommuHwptPageResponse.size;

/** The descriptor of a fault queue: page requests are read, answers are written (`iommufd_fault_fops`). */
export class FaultFile implements OpenFile {
  readonly kind = 'iommufd-fault';
  readonly #state: ContextState;
  readonly #fault: FaultQueue;

  constructor(state: ContextState, fault: FaultQueue) {
    this.#state = state;
    this.#fault = fault;
    state.hold();
    fault.users++;
    fault.open = true;
  }

  /** Reads whole groups as long as they fit. */
  read(process: Process, addr: bigint, bytes: number): IoResult<number> {
    if (bytes % RECORD_BYTES !== 0) return refuse('FAULT_READ_SIZE', { bytes });
    const fault = this.#fault;
    let read = 0;
    for (let group = fault.first; group !== undefined; group = fault.first) {
      const size = group.requests.length * RECORD_BYTES;
      if (size > bytes - read) {
        return read > 0 ? right(read) : refuse('FAULT_READ_TOO_SHORT', { bytes, group: size });
      }
      const cookie = fault.nextCookie();
      if (!this.#copyGroup(process, BigInt.asUintN(64, addr + BigInt(read)), group, cookie)) {
        return read > 0 ? right(read) : refuse('FAULT_READ_NOT_WRITABLE', { address: addr });
      }
      fault.take(cookie);
      read += size;
    }
    return right(read);
  }

  #copyGroup(process: Process, addr: bigint, group: PageRequestGroup, cookie: number): boolean {
    return group.requests.every((request, index) => {
      const bytes = recordOf(request, group.handle.deviceId, cookie);
      return (
        process.addressSpace.copyOut(BigInt.asUintN(64, addr + BigInt(index * RECORD_BYTES)), bytes) === bytes.length
      );
    });
  }

  /** Takes answers until one is wrong. */
  write(process: Process, addr: bigint, bytes: number): IoResult<number> {
    if (bytes % ANSWER_BYTES !== 0) return refuse('FAULT_WRITE_SIZE', { bytes });
    const answer = new Uint8Array(ANSWER_BYTES);
    for (let written = 0; written < bytes; written += ANSWER_BYTES) {
      const at = BigInt.asUintN(64, addr + BigInt(written));
      const refusal = this.#takeAnswer(process.addressSpace.copyIn(at, answer) === answer.length, answer);
      if (refusal !== undefined) return written > 0 ? right(written) : refusal;
    }
    return right(bytes);
  }

  #takeAnswer(isReadable: boolean, bytes: Uint8Array): IoResult<number> | undefined {
    if (!isReadable) return refuse('FAULT_WRITE_UNREADABLE');
    const { cookie, code } = IommuHwptPageResponse.decode(bytes);
    if (code !== PageResponse.SUCCESS && code !== PageResponse.INVALID) return refuse('FAULT_WRITE_CODE', { code });
    const isKnown = this.#fault.answer(cookie, code === PageResponse.SUCCESS ? 'success' : 'invalid');
    return isKnown ? undefined : refuse('FAULT_WRITE_COOKIE', { cookie });
  }

  poll(): number {
    return PollEvent.OUT | (this.#fault.readable ? PollEvent.IN : 0);
  }

  release(): void {
    this.#fault.open = false;
    this.#fault.users--;
    this.#state.drop();
  }
}

function recordOf(request: PageRequest, deviceId: number, cookie: number): Uint8Array {
  const { pasid, lastInGroup, groupId, permissions, address } = request;
  return IommuHwptPgfault.encode({
    flags: (pasid === undefined ? 0 : PageFaultFlag.PASID_VALID) | (lastInGroup ? PageFaultFlag.LAST_PAGE : 0),
    dev_id: deviceId,
    pasid: pasid ?? 0,
    grpid: groupId,
    perm: permissions,
    addr: address,
    length: 0,
    cookie,
  });
}
