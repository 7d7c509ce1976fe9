import { paint, type Terminal } from '../terminal.js';

/** Columns that the demo keeps to. */
const COLUMNS = 80;
const INDENT = '   ';

/** Where the demo is told to. */
export interface DemoPages {
  title(text: string): void;
  chapter(text: string): void;
  /** A system call and what it returned. */
  call(text: string, result: string): void;
  /** A line of text. */
  text(line: string, indent?: string): void;
  /** A line that matters, e.g. of a log. */
  loud(line: string, style: 'red' | 'green'): void;
}

/** Prints the demo: numbered headings, calls with their results at the right edge, and lines of text. */
export class PrintedPages implements DemoPages {
  readonly #terminal: Terminal;
  #chapters = 0;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  title(text: string): void {
    this.#print(paint(this.#terminal, 'bold', text));
  }

  chapter(text: string): void {
    this.#chapters++;
    this.#print('');
    this.#print(paint(this.#terminal, 'cyan', `${this.#chapters}. ${text}`));
  }

  call(text: string, result: string): void {
    const left = `${INDENT}${text}`;
    this.#print(`${left.padEnd(COLUMNS - 6)} ${paint(this.#terminal, 'bold', `= ${result}`)}`);
  }

  /** Words that do not fit go to the next line, indented as the first. */
  text(line: string, indent: string = INDENT): void {
    for (const part of wrapped(line, COLUMNS - indent.length)) this.#print(`${indent}${part}`);
  }

  /** What does not fit is indented further. */
  loud(line: string, style: 'red' | 'green'): void {
    const [first = '', ...rest] = wrapped(line, COLUMNS - 2 * INDENT.length);
    this.#print(`${INDENT}${paint(this.#terminal, style, first)}`);
    for (const part of rest) this.#print(`${INDENT}${INDENT}${paint(this.#terminal, style, part)}`);
  }

  #print(line: string): void {
    this.#terminal.out(`${line.trimEnd()}\n`);
  }
}

function wrapped(line: string, columns: number): string[] {
  const lines: string[] = [];
  let rest = line;
  while (rest.length > columns) {
    const space = rest.lastIndexOf(' ', columns);
    const end = space > 0 ? space : columns;
    lines.push(rest.slice(0, end));
    rest = rest.slice(end).trimStart();
  }
  return [...lines, rest];
}
