import { isLeft, right } from 'fp-ts/lib/Either.js';
import { IommufdAccess, done, type AccessOwner, type ContextState, type IoResult, type OpenFile } from '@ioasis/core';
import { mockRefusals } from './refusals.js';

const { refuse } = mockRefusals;

/** Pages that the test holds. */
interface PinnedItem {
  readonly id: number;
  readonly iova: bigint;
  readonly length: bigint;
}

/** The descriptor of a test access: keeps pages pinned until they are destroyed, unmapped, or it is closed. */
export class AccessFile implements OpenFile, AccessOwner {
  readonly kind = 'iommufd-access';
  readonly pinsPages: boolean;
  #access: IommufdAccess | undefined;
  #items: PinnedItem[] = [];
  #nextId = 0;

  private constructor(pinsPages: boolean) {
    this.pinsPages = pinsPages;
  }

  /** An access attached to an IOAS. The file is not installed yet; {@link release} undoes it. */
  static create(state: ContextState, ioasId: number, pinsPages: boolean): IoResult<AccessFile> {
    const file = new AccessFile(pinsPages);
    const access = IommufdAccess.create(state, file);
    if (isLeft(access)) return access;
    file.#access = access.right;
    const attached = access.right.attach(ioasId);
    if (isLeft(attached)) {
      file.release();
      return attached;
    }
    return right(file);
  }

  get access(): IommufdAccess {
    if (this.#access === undefined) throw new Error('a closed test access is used');
    return this.#access;
  }

  /** Pins pages. @returns their frames */
  pin(iova: bigint, length: bigint, write: boolean): IoResult<Float64Array> {
    return this.access.pin(iova, length, write);
  }

  /** Notes what was pinned. @returns its id: from 0, never used again */
  keep(iova: bigint, length: bigint): number {
    const id = this.#nextId++;
    this.#items.push({ id, iova, length });
    return id;
  }

  /** Forgets what {@link keep} noted and unpins it. */
  destroyItem(id: number): IoResult<0> {
    const item = this.#items.find((other) => other.id === id);
    if (item === undefined) return refuse('TEST_ACCESS_ITEM', { id });
    this.#drop([item]);
    return done;
  }

  unmap(iova: bigint, length: bigint): void {
    const last = BigInt.asUintN(64, iova + length - 1n);
    this.#drop(this.#items.filter((item) => iova <= item.iova + item.length - 1n && last >= item.iova));
  }

  #drop(items: readonly PinnedItem[]): void {
    this.#items = this.#items.filter((item) => !items.includes(item));
    for (const { iova, length } of items) this.access.unpin(iova, length);
  }

  release(): void {
    const access = this.#access;
    if (access === undefined) return;
    this.#drop(this.#items);
    this.#access = undefined;
    access.close();
  }
}
