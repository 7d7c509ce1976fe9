import {
  Access,
  Translation,
  UnitCounters,
  iova as iovaOf,
  join64,
  type HardwareFault,
  type TranslationUnit,
  type TranslationWalk,
} from '@ioasis/core';
import type { MockDomain } from './mock-domain.js';

const RIGHTS = Access.READ | Access.WRITE;

/** The mock has no hardware: its unit asks the domain that a requester is attached to. */
export class MockUnit implements TranslationUnit {
  readonly mmioBytes = 0;
  readonly translation: Translation = new Translation();
  readonly counters: UnitCounters = new UnitCounters();
  /** Domains by requester. */
  readonly domains: Map<number, MockDomain> = new Map();

  read32(): number {
    return 0;
  }
  write32(): void {}
  write64(): void {}

  translate(requesterId: number, pasid: number, iovaHi: number, iovaLo: number, access: number): boolean {
    this.counters.translations++;
    const domain = this.domains.get(requesterId);
    const { translation } = this;
    if (domain?.iovaToPhys(iovaHi, iovaLo) !== true) {
      this.counters.faults++;
      translation.fault = faultOf(requesterId, pasid, join64(iovaHi, iovaLo), access);
      return false;
    }
    if ((access & Access.WRITE) !== 0) domain.written(iovaHi, iovaLo);
    translation.paHi = domain.foundPaHi;
    translation.paLo = domain.foundPaLo;
    translation.pageShift = 11;
    translation.permissions = RIGHTS;
    return true;
  }

  explain(requesterId: number, _pasid: number, iova: bigint): TranslationWalk {
    const domain = this.domains.get(requesterId);
    const isMapped =
      domain?.iovaToPhys(Number(BigInt.asIntN(32, iova >> 32n)), Number(BigInt.asIntN(32, iova))) === true;
    return {
      steps: [],
      pa: isMapped ? join64(domain.foundPaHi, domain.foundPaLo) : undefined,
      pageBytes: isMapped ? 2048n : undefined,
      readable: isMapped,
      writable: isMapped,
      fault: isMapped ? undefined : { code: 1, name: 'NOT_MAPPED' },
    };
  }

  step(): number {
    return 0;
  }

  reset(): void {
    this.domains.clear();
  }
}

function faultOf(requesterId: number, pasid: number, iova: bigint, access: number): HardwareFault {
  return {
    vendor: 'mock',
    code: 1,
    name: 'NOT_MAPPED',
    requesterId,
    pasid: pasid < 0 ? undefined : pasid,
    iova: iovaOf(iova),
    access: (access & Access.WRITE) !== 0 ? 'write' : 'read',
    recorded: 'disabled',
    record: [],
    details: {},
  };
}
