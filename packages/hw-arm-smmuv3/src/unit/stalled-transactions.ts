/** Stalled transactions by their tags (IHI 0070 3.12.2): at most IDR5.STALL_MAX; a new one takes the lowest free tag. */
export class StalledTransactions {
  readonly #streams = new Map<number, number>();
  /** Tags whose events found no room. */
  readonly #unrecorded = new Set<number>();
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

  /** The event of a stalled transaction could not be written: it is retried when the queue is writable again. */
  defer(tag: number): void {
    this.#unrecorded.add(tag);
  }

  get hasDeferred(): boolean {
    return this.#unrecorded.size > 0;
  }

  /** The queue is writable: the deferred ones with their streams, their tags given back. */
  retryDeferred(): [stream: number, tag: number][] {
    const tags = [...this.#unrecorded];
    this.#unrecorded.clear();
    return tags.flatMap((tag): [number, number][] => {
      const stream = this.#streams.get(tag);
      this.#streams.delete(tag);
      return stream === undefined ? [] : [[stream, tag]];
    });
  }

  /** CMD_RESUME: false when stream and tag do not belong together. */
  resume(streamId: number, tag: number): boolean {
    if (this.#streams.get(tag) !== streamId) return false;
    this.#unrecorded.delete(tag);
    return this.#streams.delete(tag);
  }

  /** CMD_STALL_TERM: the tags of a stream, all given back. */
  terminate(streamId: number): number[] {
    const tags = [...this.#streams].filter(([, stream]) => stream === streamId).map(([tag]) => tag);
    for (const tag of tags) this.resume(streamId, tag);
    return tags;
  }

  /** Translation goes off: all of them with their streams, all tags given back. */
  terminateAll(): [stream: number, tag: number][] {
    const all = [...this.#streams].map(([tag, stream]): [number, number] => [stream, tag]);
    this.clear();
    return all;
  }

  clear(): void {
    this.#streams.clear();
    this.#unrecorded.clear();
  }
}
