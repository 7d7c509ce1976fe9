import type { Protection } from '@ioasis/core';
import type { ClientMemory } from './client-memory.js';

/** Told of pages that a program has: first byte, bytes, and what it may do with them. */
export type PagesListener = (addr: bigint, bytes: bigint, protection: Protection) => void;

/**
 * Tells, for a recording, which memory a program has: a bridge does not see a program's mmap, so pages are told when a call first reaches
 * them or finds them with another protection.
 */
export class ShownPages {
  readonly #memory: ClientMemory;
  readonly #pageSize: number;
  readonly #told: PagesListener;
  readonly #shown = new Map<number, Protection>();

  constructor(memory: ClientMemory, pageSize: number, told: PagesListener) {
    this.#memory = memory;
    this.#pageSize = pageSize;
    this.#told = told;
  }

  /** A call reaches `[address, address + bytes)`, all of which is mapped. */
  reach(address: number, bytes: number): void {
    const last = Math.floor((address + bytes - 1) / this.#pageSize);
    let page = Math.floor(address / this.#pageSize);
    while (page <= last) {
      const protection = this.#protectionOf(page);
      const first = page;
      while (page <= last && this.#isNew(page, protection)) this.#shown.set(page++, protection);
      if (page === first) page++;
      else this.#told(BigInt(first * this.#pageSize), BigInt((page - first) * this.#pageSize), protection);
    }
  }

  #isNew(page: number, protection: Protection): boolean {
    return this.#protectionOf(page) === protection && this.#shown.get(page) !== protection;
  }

  #protectionOf(page: number): Protection {
    const area = this.#memory.areaAt(page * this.#pageSize);
    if (area === undefined) return '';
    if (area.readable) return area.writable ? 'rw' : 'r';
    return area.writable ? 'w' : '';
  }
}
