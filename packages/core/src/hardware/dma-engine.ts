import { hi32, join64, lo32 } from '../bits/index.js';
import { FRAME_BYTES, type PhysicalMemory } from '../memory/index.js';
import type { AtsOutcome, DmaOutcome, DmaPiece, DmaPort, DmaReadOutcome } from './dma-port.js';
import { Access, NO_PASID, type TranslationUnit } from './translation-unit.js';

/** How much went through a port; counts only go up. */
export class DmaCounters {
  /** Pieces of at most 4 KiB that were asked for. */
  pieces = 0;
  /** Pieces that the unit refused. */
  blocked = 0;
  /** Pieces that were translated to an address without memory. */
  busAborts = 0;
  /** Bytes that were moved. */
  bytes = 0;
}

/**
 * A requester's way to memory: cuts requests at 4 KiB borders, has each piece translated by the unit and moves the bytes. Pieces are
 * independent, as on a bus: a refused one does not stop the next.
 */
export class DmaEngine implements DmaPort {
  readonly requesterId: number;
  readonly counters: DmaCounters = new DmaCounters();
  readonly #unit: TranslationUnit;
  readonly #memory: PhysicalMemory;

  constructor(unit: TranslationUnit, memory: PhysicalMemory, requesterId: number) {
    this.#unit = unit;
    this.#memory = memory;
    this.requesterId = requesterId;
  }

  read(iova: bigint, bytes: number, pasid: number = NO_PASID, isTranslated: boolean = false): DmaReadOutcome {
    const data = new Uint8Array(bytes);
    const access = Access.READ | (isTranslated ? Access.TRANSLATED : 0);
    return { ...this.#request(iova, data, access, pasid), data };
  }

  write(iova: bigint, data: Uint8Array, pasid: number = NO_PASID, isTranslated: boolean = false): DmaOutcome {
    return this.#request(iova, data, Access.WRITE | (isTranslated ? Access.TRANSLATED : 0), pasid);
  }

  translate(iova: bigint, write: boolean, pasid: number = NO_PASID): AtsOutcome {
    const access = Access.TRANSLATION_REQUEST | Access.READ | (write ? Access.WRITE : 0);
    const { translation } = this.#unit;
    if (!this.#unit.translate(this.requesterId, pasid, hi32(iova), lo32(iova), access)) {
      return { pa: undefined, pageBytes: 0n, readable: false, writable: false };
    }
    return {
      pa: join64(translation.paHi, translation.paLo),
      pageBytes: 1n << BigInt(translation.pageShift),
      readable: (translation.permissions & Access.READ) !== 0,
      writable: (translation.permissions & Access.WRITE) !== 0,
    };
  }

  /**
   * Moves `length` bytes between memory at an IOVA and `bytes[offset, offset + length)`: to memory when `access` has WRITE, else
   * from memory. Bytes of refused pieces stay as they are on both sides.
   * @returns bytes moved
   */
  transfer(
    iovaHi: number,
    iovaLo: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
    access: number,
    pasid: number = NO_PASID,
  ): number {
    let hi = iovaHi;
    let lo = iovaLo;
    let moved = 0;
    for (let done = 0; done < length;) {
      const piece = Math.min(FRAME_BYTES - (lo & (FRAME_BYTES - 1)), length - done);
      if (this.#move(hi, lo, bytes, offset + done, piece, access, pasid)) moved += piece;
      done += piece;
      lo = (lo + piece) | 0;
      if (lo >>> 0 < piece) hi = (hi + 1) | 0;
    }
    return moved;
  }

  /** One piece. False: refused when the unit's translation has a fault, else a bus abort. */
  #move(
    hi: number,
    lo: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
    access: number,
    pasid: number,
  ): boolean {
    const { counters } = this;
    counters.pieces++;
    const unit = this.#unit;
    if (!unit.translate(this.requesterId, pasid, hi, lo, access)) {
      counters.blocked++;
      return false;
    }
    const { paHi, paLo } = unit.translation;
    const memory = this.#memory;
    let present: boolean;
    if ((access & Access.WRITE) === 0) present = memory.readBytes(paHi, paLo, bytes, offset, length);
    else {
      memory.deviceWriting = true;
      present = memory.writeBytes(paHi, paLo, bytes, offset, length);
      memory.deviceWriting = false;
    }
    if (present) counters.bytes += length;
    else counters.busAborts++;
    return present;
  }

  #request(iova: bigint, data: Uint8Array, access: number, pasid: number): DmaOutcome {
    const pieces: DmaPiece[] = [];
    const { counters } = this;
    const { translation } = this.#unit;
    let allowed = 0;
    for (let done = 0; done < data.length;) {
      const at = BigInt.asUintN(64, iova + BigInt(done));
      const bytes = Math.min(FRAME_BYTES - Number(at & BigInt(FRAME_BYTES - 1)), data.length - done);
      const { blocked } = counters;
      const moved = this.#move(hi32(at), lo32(at), data, done, bytes, access, pasid);
      const pa = join64(translation.paHi, translation.paLo);
      if (moved) {
        allowed++;
        pieces.push({ iova: at, bytes, pa, fault: undefined });
      } else if (counters.blocked === blocked) pieces.push({ iova: at, bytes, pa, fault: 'bus-abort' });
      else pieces.push({ iova: at, bytes, pa: undefined, fault: translation.fault ?? undefined });
      done += bytes;
    }
    return { status: allowed === pieces.length ? 'ok' : allowed === 0 ? 'blocked' : 'partial', pieces };
  }
}
