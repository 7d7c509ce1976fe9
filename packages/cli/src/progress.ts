import type { Terminal } from './terminal.js';

const EVERY = 500;
const ERASE_LINE = '\r\u001b[K';

/** A line that counts while something long is done, on terminals only, and is gone afterwards. */
export class Progress {
  readonly #terminal: Terminal;
  readonly #what: string;
  #count = 0;

  constructor(terminal: Terminal, what: string) {
    this.#terminal = terminal;
    this.#what = what;
  }

  /** One more is done. */
  advance(): void {
    this.#count++;
    if (this.#terminal.progress && this.#count % EVERY === 0) {
      this.#terminal.err(`${ERASE_LINE}${this.#what}: ${this.#count}`);
    }
  }

  /** Everything is done. */
  end(): void {
    if (this.#terminal.progress && this.#count >= EVERY) this.#terminal.err(ERASE_LINE);
  }
}
