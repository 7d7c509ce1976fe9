import type { Terminal } from './terminal.js';

/** Steps of a replay between two counts. */
const EVERY = 500;
const ERASE_LINE = '\r\u001b[K';

/** A line that counts while something long is done, on terminals only, and is gone afterwards. */
export class Progress {
  readonly #terminal: Terminal;
  readonly #what: string;
  readonly #every: number;
  #count = 0;

  /** @param every how many things pass between two counts */
  constructor(terminal: Terminal, what: string, every: number = EVERY) {
    this.#every = every;
    this.#terminal = terminal;
    this.#what = what;
  }

  /** One more is done. */
  advance(): void {
    this.#count++;
    if (this.#terminal.progress && this.#count % this.#every === 0) {
      this.#terminal.err(`${ERASE_LINE}${this.#what}: ${this.#count}`);
    }
  }

  /** Everything is done. */
  end(): void {
    if (this.#terminal.progress && this.#count >= this.#every) this.#terminal.err(ERASE_LINE);
  }
}
