/** Stalled transactions by their tags (IHI 0070 3.12.2): at most IDR5.STALL_MAX; a new one takes the lowest free tag. */
export class StalledTransactions {
  readonly #streams = new Map<number, number>();
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Tag for a transaction, undefined: no more can stall, it terminates. */
  stall(streamId: number): number | undefined {
    let tag = 0;
    while (this.#streams.has(tag)) tag++;
    if (tag >= this.#limit) return undefined;
    this.#streams.set(tag, streamId);
    return tag;
  }

  /** CMD_RESUME: false when stream and tag do not belong together. */
  resume(streamId: number, tag: number): boolean {
    return this.#streams.get(tag) === streamId && this.#streams.delete(tag);
  }

  /** CMD_STALL_TERM: the tags of a stream, all given back. */
  terminate(streamId: number): number[] {
    const tags = [...this.#streams].filter(([, stream]) => stream === streamId).map(([tag]) => tag);
    for (const tag of tags) this.#streams.delete(tag);
    return tags;
  }

  /** Translation goes off: all of them with their streams, all tags given back. */
  terminateAll(): [stream: number, tag: number][] {
    const all = [...this.#streams].map(([tag, stream]): [number, number] => [stream, tag]);
    this.#streams.clear();
    return all;
  }

  clear(): void {
    this.#streams.clear();
  }
}
