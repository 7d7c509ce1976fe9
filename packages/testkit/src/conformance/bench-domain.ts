import { Errno, hi32, type IotlbGather, join64, lo32, Prot, RunMapper, type IommuDomain } from '@ioasis/core';
import { equal } from './expectations.js';

const READ_WRITE = Prot.READ | Prot.WRITE;

/** A domain under test, spoken to in bigints. What a method is not told to expect, it insists on. */
export class BenchDomain {
  readonly domain: IommuDomain;
  readonly #runs: RunMapper;

  constructor(domain: IommuDomain) {
    this.domain = domain;
    this.#runs = new RunMapper(domain);
  }

  /** Maps `[iova, iova + bytes)` as the core of an operating system does: by the largest pages, all or nothing. @returns the errno number */
  tryMap(iova: bigint, pa: bigint, bytes: bigint, prot: number = READ_WRITE): number {
    return this.#runs.map(hi32(iova), lo32(iova), hi32(pa), lo32(pa), Number(bytes), prot);
  }

  /** As {@link tryMap}; it must work. */
  map(iova: bigint, pa: bigint, bytes: bigint, prot: number = READ_WRITE): void {
    equal(this.tryMap(iova, pa, bytes, prot), 0, `errno of mapping ${bytes} bytes`);
  }

  /** Maps pages of one size, in as many calls as the domain wants, and tells it. @returns the errno number */
  tryMapPages(iova: bigint, pa: bigint, shift: number, count: number, prot: number = READ_WRITE): number {
    const { domain } = this;
    let done = 0;
    while (done < count) {
      const offset = BigInt(done) << BigInt(shift);
      const [at, to] = [iova + offset, pa + offset];
      const errno = domain.mapPages(hi32(at), lo32(at), hi32(to), lo32(to), shift, count - done, prot);
      done += domain.mappedPages;
      if (errno !== 0) return errno;
      if (domain.mappedPages === 0) return Errno.EIO;
    }
    this.syncMap(iova, iova + (BigInt(count) << BigInt(shift)) - 1n);
    return 0;
  }

  /** As {@link tryMapPages}; it must work. */
  mapPages(iova: bigint, pa: bigint, shift: number, count: number = 1, prot: number = READ_WRITE): void {
    equal(this.tryMapPages(iova, pa, shift, count, prot), 0, `errno of mapping ${count} pages of 2^${shift} bytes`);
  }

  syncMap(start: bigint, last: bigint): void {
    this.domain.syncMap(hi32(start), lo32(start), hi32(last), lo32(last));
  }

  /** Unmaps `[iova, iova + bytes)`, which is mapped throughout, and invalidates. The count must be right. */
  unmap(iova: bigint, bytes: bigint): void {
    equal(this.unmapSome(iova, bytes), bytes, 'bytes unmapped');
  }

  /** As {@link unmap}, whatever is there. @returns bytes unmapped */
  unmapSome(iova: bigint, bytes: bigint): bigint {
    return BigInt(this.#runs.unmap(hi32(iova), lo32(iova), Number(bytes)));
  }

  /** One call of `unmapPages`; nothing is invalidated. @returns bytes unmapped */
  unmapPages(iova: bigint, shift: number, count: number, gather: IotlbGather): bigint {
    return BigInt(this.domain.unmapPages(hi32(iova), lo32(iova), shift, count, gather));
  }

  /** Where the tables lead, as software sees them. */
  lookUp(iova: bigint): bigint | undefined {
    const { domain } = this;
    return domain.iovaToPhys(hi32(iova), lo32(iova)) ? join64(domain.foundPaHi, domain.foundPaLo) : undefined;
  }
}
