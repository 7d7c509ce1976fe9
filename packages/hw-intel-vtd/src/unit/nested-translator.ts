import { Access, type TableAddressTranslator } from '@ioasis/core';
import type { SecondStage } from './second-stage.js';
import type { TranslationContext } from './translation-context.js';

/** The second stage of a nested context as the first stage's walker sees it: each table address goes through it (VT-d 3.8). */
export class NestedTranslator implements TableAddressTranslator {
  tableAddressHi = 0;
  tableAddressLo = 0;
  readonly #stage: SecondStage;
  readonly #context: TranslationContext;

  constructor(stage: SecondStage, context: TranslationContext) {
    this.#stage = stage;
    this.#context = context;
  }

  translateTableAddress(paHi: number, paLo: number, write: boolean): boolean {
    const stage = this.#stage;
    const { secondStage, domain } = this.#context;
    if (secondStage === null) return false;
    const access = write ? Access.READ | Access.WRITE : Access.READ;
    if (!stage.walk(secondStage, domain, this.#context, paHi, paLo, access)) return false;
    this.tableAddressHi = stage.paHi;
    this.tableAddressLo = stage.paLo;
    return true;
  }
}
