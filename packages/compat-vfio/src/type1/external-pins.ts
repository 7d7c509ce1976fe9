/** A page that mediated devices have pinned (`struct vfio_pfn`). */
interface ExternalPin {
  readonly frame: number;
  uses: number;
}

/** Pages of one mapping that mediated devices have pinned, by IOVA of the page. */
export class ExternalPins {
  readonly #pins = new Map<bigint, ExternalPin>();

  get empty(): boolean {
    return this.#pins.size === 0;
  }

  get(iova: bigint): ExternalPin | undefined {
    return this.#pins.get(iova);
  }

  add(iova: bigint, frame: number): void {
    this.#pins.set(iova, { frame, uses: 1 });
  }

  delete(iova: bigint): void {
    this.#pins.delete(iova);
  }
}
