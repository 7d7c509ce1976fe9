import { PciIrqIndex } from '../abi/constants.js';
import type { EventFile } from './event-file.js';

/** Which kind of interrupt vectors a program has enabled; one at a time. */
export type VectorKind = 'intx' | 'msi' | 'msix';

/** Interrupt index of a kind. */
export const vectorIndex: Readonly<Record<VectorKind, number>> = {
  intx: PciIrqIndex.INTX,
  msi: PciIrqIndex.MSI,
  msix: PciIrqIndex.MSIX,
};

/** Where the interrupts of an open function go. */
export class Interrupts {
  /** The enabled kind; undefined: none, interrupts are lost. */
  enabled: VectorKind | undefined;
  /** Vectors that were asked for when MSI or MSI-X was enabled. */
  vectors = 0;
  readonly #events = new Map<number, EventFile>();
  /** INTx was masked by the program, or by the host when it fired. */
  #masked = false;
  /** INTx is disabled in the command register that the program sees. */
  #disabled = false;
  /** INTx fired while it could not be delivered. */
  #pending = false;
  /** The program that asks to give the device back, and the one that learns of bus errors. */
  request: EventFile | undefined;
  error: EventFile | undefined;

  /** Enables a kind for as many vectors. */
  enable(kind: VectorKind, vectors: number): void {
    this.enabled = kind;
    this.vectors = vectors;
    this.#masked = false;
    this.#pending = false;
  }

  /** Back to no interrupts. */
  disable(): void {
    this.enabled = undefined;
    this.vectors = 0;
    this.#events.clear();
  }

  /** Sets or removes what a vector signals. */
  connect(vector: number, event: EventFile | undefined): void {
    if (event === undefined) this.#events.delete(vector);
    else this.#events.set(vector, event);
  }

  /** Signals a vector, whatever is masked: the loopback test of SET_IRQS. */
  trigger(vector: number): void {
    this.#events.get(vector)?.signal();
  }

  /** The function raised an interrupt. INTx masks itself until the program unmasks it. */
  raise(kind: VectorKind, vector: number): void {
    if (kind !== this.enabled) return;
    if (kind !== 'intx') {
      this.trigger(vector);
      return;
    }
    if (this.#masked || this.#disabled) {
      this.#pending = true;
      return;
    }
    this.#masked = true;
    this.trigger(0);
  }

  mask(): void {
    this.#masked = true;
  }

  unmask(): void {
    this.#masked = false;
    this.#deliverPending();
  }

  /** The program wrote the INTx disable bit of the command register. */
  setIntxDisabled(disabled: boolean): void {
    this.#disabled = disabled;
    if (!disabled) this.#deliverPending();
  }

  #deliverPending(): void {
    if (!this.#pending || this.#masked || this.#disabled) return;
    this.#pending = false;
    this.raise('intx', 0);
  }
}
