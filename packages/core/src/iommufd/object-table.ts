import type { FailureSource, MemoryBudget } from '../memory/index.js';
import type { IommufdObject, IommufdObjectKind } from './object.js';

/** Bytes that an object is charged for: the sizes of the kernel's structures, rounded up to a slab of kmalloc. */
const chargedBytes: Readonly<Record<IommufdObjectKind, number>> = {
  ioas: 512,
  'hwpt-paging': 96,
  'hwpt-nested': 64,
  device: 128,
  access: 96,
  fault: 192,
  selftest: 64,
};

type Constructor<T> = abstract new (...args: never[]) => T;

/**
 * Objects of one open file by id. A new object gets the lowest free id from 1 upwards; an id is reserved before the object can be found,
 * so that a call which fails later leaves no trace (`_iommufd_object_alloc`, `iommufd_object_finalize`, `iommufd_object_abort`).
 */
export class ObjectTable {
  readonly #objects: (IommufdObject | undefined)[] = [undefined];
  readonly #published: boolean[] = [false];
  readonly #budget: MemoryBudget;
  readonly #failure: FailureSource | null;
  #lowestFree = 1;
  #count = 0;

  constructor(budget: MemoryBudget, failure: FailureSource | null) {
    this.#budget = budget;
    this.#failure = failure;
  }

  /** True when not even a reserved id is left. */
  get empty(): boolean {
    return this.#count === 0;
  }

  /** Gives the object its id without letting anybody find it. False: no memory. */
  reserve(object: IommufdObject): boolean {
    if (this.#failure?.fails('allocate') === true || !this.#budget.charge(chargedBytes[object.kind])) return false;
    const id = this.#lowestFree;
    object.id = id;
    this.#objects[id] = object;
    this.#published[id] = false;
    this.#count++;
    let next = id + 1;
    while (this.#objects[next] !== undefined) next++;
    this.#lowestFree = next;
    return true;
  }

  /** From here on the object can be found. */
  publish(object: IommufdObject): void {
    this.#published[object.id] = true;
  }

  /** Takes back an id that was not published; the object is not destroyed. */
  abort(object: IommufdObject): void {
    this.#erase(object);
  }

  /** Destroys an object that was not published, then takes back its id. */
  abortAndDestroy(object: IommufdObject): void {
    object.destroy();
    this.#erase(object);
  }

  /** The published object of an id, whatever its kind. */
  any(id: number): IommufdObject | undefined {
    return this.#published[id] === true ? this.#objects[id] : undefined;
  }

  /** The published object of an id when it is of the given class. */
  find<T extends IommufdObject>(id: number, kind: Constructor<T>): T | undefined {
    const object = this.any(id);
    return object instanceof kind ? object : undefined;
  }

  /** Removes and destroys an object that only the table uses. False: somebody else uses it. */
  remove(object: IommufdObject): boolean {
    if (object.users !== 1) return false;
    object.users = 0;
    this.#erase(object);
    object.destroy();
    return true;
  }

  /** All published objects in order of id. */
  *[Symbol.iterator](): Generator<IommufdObject> {
    for (let id = 1; id < this.#objects.length; id++) {
      const object = this.any(id);
      if (object !== undefined) yield object;
    }
  }

  /**
   * Destroys everything: again and again all objects that only the table uses, so that leaves of the graph go before what they hold.
   * @returns false when objects remain that hold each other, which is a bug
   */
  clear(): boolean {
    while (this.#count > 0) {
      let destroyed = 0;
      for (const object of this) if (this.remove(object)) destroyed++;
      if (destroyed === 0) return false;
    }
    return true;
  }

  /** Who keeps an object: ids and kinds of objects, and holders outside the table. */
  holdersOf(object: IommufdObject): readonly string[] {
    const objects = [...this].filter((other) => other.references().includes(object));
    return [...objects.map(({ kind, id }) => `${kind} ${id}`), ...object.holders()];
  }

  #erase(object: IommufdObject): void {
    const { id } = object;
    this.#objects[id] = undefined;
    this.#published[id] = false;
    this.#count--;
    if (id < this.#lowestFree) this.#lowestFree = id;
    this.#budget.uncharge(chargedBytes[object.kind]);
  }
}
