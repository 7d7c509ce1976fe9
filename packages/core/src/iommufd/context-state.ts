import { right, type Either } from 'fp-ts/lib/Either.js';
import { done, type IoResult, type Refusal } from '../errno/index.js';
import { IoPageTable } from '../io-pagetable/index.js';
import type { IommufdEnvironment, OpenContext } from './environment.js';
import { CompatIoas } from './compat-ioas.js';
import type { DeviceGroup } from './device-group.js';
import { Ioas } from './ioas.js';
import { ObjectTable } from './object-table.js';
import type { IommufdObject } from './object.js';
import { iommufdRefusals, type IommufdRefusalCode } from './refusals.js';

const { refuse } = iommufdRefusals;

/** What one open /dev/iommu holds: objects by id, groups of bound devices, the compatibility IOAS, the accounting mode. */
export class ContextState implements OpenContext {
  readonly environment: IommufdEnvironment;
  readonly objects: ObjectTable;
  /** Groups that have a bound device, by number. */
  readonly groups: Map<number, DeviceGroup> = new Map();
  /** Who pays for pinned pages: the user (opened as /dev/iommu) or the process (opened as /dev/vfio/vfio). */
  accountMode: 'user' | 'mm';
  readonly compat: CompatIoas;
  #references = 1;

  constructor(environment: IommufdEnvironment, accountMode: 'user' | 'mm') {
    this.environment = environment;
    this.accountMode = accountMode;
    this.objects = new ObjectTable(environment.budget, environment.failure);
    this.compat = new CompatIoas(this.objects, () => this.reserveIoas());
  }

  objectNames(): readonly string[] {
    return [...this.objects].map(({ kind, id }) => `iommufd ${kind} ${id}`);
  }

  /** Keeps the file open although its last descriptor may be closed: a device or a fault queue needs it. */
  hold(): void {
    this.#references++;
  }

  /** Undoes {@link hold}, or closes the file; the last one destroys all objects. */
  drop(): void {
    if (--this.#references > 0) return;
    this.compat.clear();
    if (!this.objects.clear()) throw new Error('objects of a closed iommufd hold each other');
    this.environment.contexts.delete(this);
  }

  /** The IOAS of an id. */
  ioas(id: number): Ioas | undefined {
    return this.objects.find(id, Ioas);
  }

  /** A new IOAS that nobody can find yet. */
  reserveIoas(): IoResult<Ioas> {
    const { pageSize, hugePageSize, budget, failure, tempMemory } = this.environment;
    return this.reserve(new Ioas(new IoPageTable({ pageSize, hugePageSize, budget, failure, tempMemory })));
  }

  /** Gives a new object its id; it cannot be found before `objects.publish`. */
  reserve<T extends IommufdObject>(object: T): IoResult<T> {
    return this.objects.reserve(object) ? right(object) : refuse('OBJECT_NO_MEMORY', { kind: object.kind });
  }

  /** Destroys an object on the user's behalf. */
  destroy(id: number): IoResult<0> {
    const object = this.objects.any(id);
    if (object === undefined) return refuse('OBJECT_NOT_FOUND', { id });
    if (!this.remove(object)) {
      const heldBy = this.objects.holdersOf(object).join(', ');
      return refuse('OBJECT_BUSY', { id, kind: object.kind, users: object.users, heldBy });
    }
    return done;
  }

  /** Removes and destroys an object that only the table uses; false when others use it. */
  remove(object: IommufdObject): boolean {
    if (object.users !== 1) return false;
    if (object === this.compat.current) this.compat.clear();
    return this.objects.remove(object);
  }

  /** Gives up one reference and destroys the object if that was the last one but the table's. */
  release(object: IommufdObject): boolean {
    object.users--;
    return this.remove(object);
  }

  /** Refusal for an id that was not found, saying what the id is if it is something else. */
  refuseId(code: IommufdRefusalCode, id: number): Either<Refusal, never> {
    const object = this.objects.any(id);
    return refuse(code, object === undefined ? { id } : { id, kind: object.kind });
  }
}
