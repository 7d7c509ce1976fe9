import type { Happening, LogEvent, Operation } from './event.js';

/** Takes part in a stream. It must not change what it watches. */
export interface EventListener {
  event(event: LogEvent): void;
}

/**
 * The one ordered stream of what happens on a machine or a unit: gives each event its step and the call that it is part of, and hands it to
 * the log and the checkers. A logical clock: it advances by one for each event and by nothing else.
 */
export class EventStream {
  readonly #listeners: EventListener[] = [];
  /** Makes up for writes that were announced but not made when they were. */
  readonly #settlers: (() => void)[] = [];
  #step = 0;
  #call: Operation | undefined;

  /** Step of the last event. */
  get step(): number {
    return this.#step;
  }

  /** The innermost call that is running. */
  get call(): Operation | undefined {
    return this.#call;
  }

  listen(listener: EventListener): void {
    this.#listeners.push(listener);
  }

  /** Before any later event `settle` is called, so that it can emit what must come first. */
  settleWith(settle: () => void): void {
    this.#settlers.push(settle);
  }

  /** Emits what is still to come from before now. */
  settle(): void {
    for (const settle of this.#settlers) settle();
  }

  emit(happening: Happening): LogEvent {
    this.settle();
    return this.emitSettled(happening);
  }

  /** As {@link emit}, for those that settle. */
  emitSettled(happening: Happening): LogEvent {
    const event: LogEvent = { ...happening, step: ++this.#step, during: this.#call };
    for (const listener of this.#listeners) listener.event(event);
    return event;
  }

  /**
   * Runs `body` as a call.
   * @param outcome text for the log from what it returned
   */
  run<A>(
    made: Pick<Operation, 'name' | 'by'> & Partial<Pick<Operation, 'detail' | 'site'>>,
    body: () => A,
    outcome: (result: A) => string | undefined = () => undefined,
  ): A {
    this.settle();
    const within = this.#call;
    const { name, by, detail = '', site } = made;
    const call: Operation = { step: this.#step + 1, name, by, detail, site, within, returned: undefined };
    this.emitSettled({ kind: 'call', call });
    this.#call = call;
    let text: string | undefined = 'threw';
    try {
      const result = body();
      text = outcome(result);
      return result;
    } finally {
      this.settle();
      this.#call = within;
      call.returned = this.#step + 1;
      this.emitSettled(text === undefined ? { kind: 'return', call } : { kind: 'return', call, outcome: text });
    }
  }
}
