import type { DemoPages } from './pages.js';

/** A line of the demo: a call with its result, or text. */
type RecordedLine = { readonly call: string; readonly result: string } | { readonly text: string };

interface Chapter {
  readonly title: string;
  readonly lines: RecordedLine[];
}

/** Keeps the demo for a program that reads it. */
export class RecordedPages implements DemoPages {
  readonly chapters: Chapter[] = [];
  heading = '';

  title(text: string): void {
    this.heading = text;
  }

  chapter(title: string): void {
    this.chapters.push({ title, lines: [] });
  }

  call(text: string, result: string): void {
    this.#add({ call: text, result });
  }

  text(line: string): void {
    this.#add({ text: line });
  }

  loud(line: string): void {
    this.#add({ text: line });
  }

  #add(line: RecordedLine): void {
    this.chapters.at(-1)?.lines.push(line);
  }
}
