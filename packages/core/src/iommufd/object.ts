/** Kinds of objects with an id; `selftest` is the mock device's. */
export type IommufdObjectKind = 'ioas' | 'hwpt-paging' | 'hwpt-nested' | 'device' | 'access' | 'fault' | 'selftest';

/**
 * What every object of an open /dev/iommu has: an id and two counts, as `struct iommufd_object`.
 *
 * `users` are the edges of the object graph plus one for the table: DESTROY works when nothing but the table is left. `callers` counts the
 * calls that are inside the object right now; a destruction driven by the kernel waits for them.
 */
export abstract class IommufdObject {
  abstract readonly kind: IommufdObjectKind;
  /** Id in the table, from 1; 0 before the object was given one. */
  id = 0;
  users = 1;
  callers = 1;

  /** Releases what the object holds. Called once, when nobody uses it any more. */
  abstract destroy(): void;

  /** The objects that this one keeps from being destroyed. */
  references(): readonly IommufdObject[] {
    return [];
  }

  /** Who keeps this object besides other objects: a driver, an open descriptor. */
  holders(): readonly string[] {
    return [];
  }

  /** A call enters the object (`iommufd_lock_obj`). */
  enter(): void {
    this.users++;
    this.callers++;
  }

  /** The call is over (`iommufd_put_object`). */
  leave(): void {
    this.users--;
    this.callers--;
  }
}
