import { isLeft } from 'fp-ts/lib/Either.js';
import { U64_MAX } from '../bits/index.js';
import { done, type IoResult } from '../errno/index.js';
import type { AddressSpace } from '../memory/index.js';
import type { ContextState } from './context-state.js';
import { type Ioas } from './ioas.js';
import { IommufdObject } from './object.js';
import { iommufdRefusals } from './refusals.js';

const { refuse } = iommufdRefusals;

/** What the owner of an access brings along (`struct iommufd_access_ops`). */
export interface AccessOwner {
  /** Whether the access pins pages; IOVAs of its IOAS are then page-aligned. */
  readonly pinsPages: boolean;
  /** Part of the IOAS goes away: everything pinned in the range must be unpinned before this returns. Bytes. */
  unmap(iova: bigint, length: bigint): void;
}

/** Flags of {@link IommufdAccess.readWrite}. */
export const AccessFlag = { WRITE: 1, SLOW_PATH: 4 } as const;

/**
 * A part of the kernel that reaches a program's memory through an IOAS without DMA (`struct iommufd_access`): it reads, writes and pins by
 * IOVA.
 */
export class IommufdAccess extends IommufdObject {
  readonly kind = 'access';
  readonly pinsPages: boolean;
  readonly #state: ContextState;
  readonly #owner: AccessOwner;
  #ioas: Ioas | undefined;
  /** Where pages are unpinned; differs from the IOAS while the access moves. */
  #unpinFrom: Ioas | undefined;

  private constructor(state: ContextState, owner: AccessOwner) {
    super();
    this.#state = state;
    this.#owner = owner;
    this.pinsPages = owner.pinsPages;
  }

  /** Makes an access without IOAS (`iommufd_access_create`). The owner is a user until {@link close}. ENOMEM. */
  static create(state: ContextState, owner: AccessOwner): IoResult<IommufdAccess> {
    const reserved = state.reserve(new IommufdAccess(state, owner));
    if (isLeft(reserved)) return reserved;
    reserved.right.users++;
    state.hold();
    state.objects.publish(reserved.right);
    return reserved;
  }

  /** The IOAS; undefined while there is none. */
  get ioas(): Ioas | undefined {
    return this.#ioas;
  }

  override references(): readonly IommufdObject[] {
    return this.#ioas === undefined ? [] : [this.#ioas];
  }

  override holders(): readonly string[] {
    return ['its owner in the kernel'];
  }

  /** Called by the IO page table when areas with pinned pages are to go. */
  unmap(iova: bigint, length: bigint): void {
    this.#owner.unmap(iova, length);
  }

  /** Attaches to an IOAS, or moves to another one. ENOENT: no such IOAS. EADDRINUSE: mappings do not fit the alignment. */
  attach(ioasId: number): IoResult<0> {
    const ioas = this.#state.ioas(ioasId);
    return ioas === undefined ? this.#state.refuseId('IOAS_NOT_FOUND', ioasId) : this.#change(ioas);
  }

  /** As {@link attach}, for an access that is attached. ENOENT without IOAS (`iommufd_access_replace`). */
  replace(ioasId: number): IoResult<0> {
    return this.#ioas === undefined ? refuse('ACCESS_NOT_ATTACHED', { access: this.id }) : this.attach(ioasId);
  }

  #change(next: Ioas | undefined): IoResult<0> {
    const current = this.#ioas;
    if (current !== this.#unpinFrom) return refuse('ACCESS_BUSY', { access: this.id });
    if (current === next) return done;
    this.#ioas = undefined;
    if (next !== undefined) {
      const added = next.table.addAccess(this);
      if (isLeft(added)) {
        this.#ioas = current;
        return added;
      }
      next.users++;
    }
    if (current !== undefined) {
      this.#owner.unmap(0n, U64_MAX);
      current.table.removeAccess(this);
      current.users--;
    }
    this.#ioas = next;
    this.#unpinFrom = next;
    return done;
  }

  /**
   * Pins the pages of `[iova, iova + length)` (`iommufd_access_pin_pages`).
   * @returns the first frame of each page
   */
  pin(iova: bigint, length: bigint, write: boolean): IoResult<Float64Array> {
    if (this.#ioas === undefined) return refuse('ACCESS_NOT_ATTACHED', { access: this.id });
    return this.#ioas.table.pinAccess(this, iova, length, write);
  }

  /** Gives back exactly what one {@link pin} pinned. */
  unpin(iova: bigint, length: bigint): void {
    this.#unpinFrom?.table.unpinAccess(iova, length);
  }

  /**
   * Reads or writes bytes by IOVA (`iommufd_access_rw`).
   * @param current whose memory the caller sees
   * @param flags OR of {@link AccessFlag}
   */
  readWrite(iova: bigint, bytes: Uint8Array, flags: number, current: AddressSpace): IoResult<0> {
    if (this.#ioas === undefined) return refuse('ACCESS_NOT_ATTACHED', { access: this.id });
    const visible = (flags & AccessFlag.SLOW_PATH) === 0 ? current : null;
    return this.#ioas.table.readWrite(iova, bytes, (flags & AccessFlag.WRITE) !== 0, visible);
  }

  /** The owner lets go: the access is destroyed (`iommufd_access_destroy`). */
  close(): void {
    if (!this.#state.release(this)) throw new Error(`access ${this.id} is closed while in use`);
  }

  destroy(): void {
    this.#change(undefined);
    this.#state.drop();
  }
}
