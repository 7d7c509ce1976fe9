import type { OpenFile } from './process.js';

/** A description and how many descriptors, in any process, refer to it. */
interface Description {
  readonly file: OpenFile;
  references: number;
}

const FIRST_FREE = 3;

/** Descriptor numbers of a process. 0 to 2 are taken by the standard streams; the lowest free number is given next. */
export class DescriptorTable {
  readonly #slots: (Description | undefined)[] = [];

  get(fd: number): OpenFile | undefined {
    return this.#slots[fd]?.file;
  }

  /** The number that the next descriptor gets. */
  lowestFree(): number {
    let fd = FIRST_FREE;
    while (this.#slots[fd] !== undefined) fd++;
    return fd;
  }

  /** Gives a new description the lowest free number. */
  add(file: OpenFile): number {
    return this.#put({ file, references: 0 });
  }

  /** Lets another number refer to the description of `fd`, which is open. */
  duplicate(fd: number): number {
    return this.#put(this.#slots[fd] as Description);
  }

  /** Forgets a number; the last one of a description releases the file. */
  remove(fd: number): void {
    const description = this.#slots[fd] as Description;
    this.#slots[fd] = undefined;
    description.references--;
    if (description.references === 0) description.file.release();
  }

  /** A table whose numbers refer to the same descriptions, as a forked child has it. */
  fork(): DescriptorTable {
    const child = new DescriptorTable();
    this.#slots.forEach((description, fd) => {
      if (description === undefined) return;
      description.references++;
      child.#slots[fd] = description;
    });
    return child;
  }

  /** Open numbers, ascending. */
  numbers(): number[] {
    return [...this.#slots.keys()].filter((fd) => this.#slots[fd] !== undefined);
  }

  #put(description: Description): number {
    const fd = this.lowestFree();
    description.references++;
    this.#slots[fd] = description;
    return fd;
  }
}
