import { isLeft, right } from 'fp-ts/lib/Either.js';
import { done, type IoResult } from '../errno/index.js';
import type { Ioas } from './ioas.js';
import type { ObjectTable } from './object-table.js';
import { iommufdRefusals } from './refusals.js';

const { refuse } = iommufdRefusals;

/**
 * The IOAS that VFIO's container calls work on (`vfio_ioas`), or the fact that the file serves a group without IOMMU instead. It is an
 * ordinary object: the user sees its id and may destroy it.
 */
export class CompatIoas {
  readonly #objects: ObjectTable;
  readonly #reserve: () => IoResult<Ioas>;
  #current: Ioas | undefined;
  #noIommu = false;

  constructor(objects: ObjectTable, reserve: () => IoResult<Ioas>) {
    this.#objects = objects;
    this.#reserve = reserve;
  }

  /** The IOAS; undefined while there is none. Takes no reference. */
  get current(): Ioas | undefined {
    return this.#current;
  }

  /** Its id; undefined while there is none. */
  get ioasId(): number | undefined {
    return this.#current?.id;
  }

  /** The IOAS for a call that needs it; ENODEV without one. */
  require(): IoResult<Ioas> {
    return this.#current === undefined ? refuse('COMPAT_IOAS_MISSING') : right(this.#current);
  }

  /** The IOAS, made when there is none (VFIO_GROUP_SET_CONTAINER). EINVAL in no-IOMMU mode, ENOMEM. */
  ensure(): IoResult<Ioas> {
    const made = this.#reserve();
    if (isLeft(made)) return made;
    if (this.#noIommu || this.#current !== undefined) {
      this.#objects.abort(made.right);
      return this.#current === undefined ? refuse('COMPAT_IOAS_NO_IOMMU') : right(this.#current);
    }
    this.#objects.publish(made.right);
    this.#current = made.right;
    return made;
  }

  /** Makes another IOAS the one that container calls work on (IOMMU_VFIO_IOAS SET). */
  set(ioas: Ioas): void {
    this.#current = ioas;
  }

  /** From here on there is none (IOMMU_VFIO_IOAS CLEAR, or it was destroyed). */
  clear(): void {
    this.#current = undefined;
  }

  /** Whether the file serves a group without IOMMU; for good once it is so. */
  get noIommu(): boolean {
    return this.#noIommu;
  }

  /** Switches to no-IOMMU mode; EINVAL while there is an IOAS. */
  setNoIommu(): IoResult<0> {
    if (this.#current !== undefined) return refuse('COMPAT_NO_IOMMU_AFTER_IOAS', { ioasId: this.#current.id });
    this.#noIommu = true;
    return done;
  }
}
