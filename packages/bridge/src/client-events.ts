import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { EventFile } from '@ioasis/compat-vfio';

/** An eventfd of a program. The signals are delivered by the program itself when the call that caused them returns. */
class ClientEvent extends EventFile {
  readonly #signalled: (event: ClientEvent) => void;

  constructor(signalled: (event: ClientEvent) => void) {
    super();
    this.#signalled = signalled;
  }

  override signal(): void {
    this.#signalled(this);
  }
}

/** The eventfds that programs handed to devices, by the kernel's number for them. */
export class ClientEvents {
  readonly #events = new Map<string, ClientEvent>();
  #pending: ClientEvent[] = [];

  /** The eventfd behind a descriptor of a process; undefined: it is something else. */
  find(pid: number, fd: number): EventFile | undefined {
    const id = eventId(pid, fd);
    if (id === undefined) return undefined;
    let event = this.#events.get(id);
    if (event === undefined) {
      event = new ClientEvent((signalled) => this.#pending.push(signalled));
      this.#events.set(id, event);
    }
    return event;
  }

  /**
   * What was signalled since the last time, as descriptors of the process that is about to get an answer. An eventfd that it does not
   * hold, because another process asked for the signals, is not signalled.
   */
  take(pid: number): readonly number[] {
    if (this.#pending.length === 0) return [];
    const pending = this.#pending;
    this.#pending = [];
    const numbers = new Map<ClientEvent, number>();
    for (const name of descriptors(pid)) {
      const event = this.#events.get(eventId(pid, Number(name)) ?? '');
      if (event !== undefined) numbers.set(event, Number(name));
    }
    return pending.flatMap((event) => numbers.get(event) ?? []);
  }
}

function descriptors(pid: number): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`);
  } catch {
    return [];
  }
}

/** The kernel's number of an eventfd (eventfd-id of /proc/PID/fdinfo). */
function eventId(pid: number, fd: number): string | undefined {
  try {
    if (readlinkSync(`/proc/${pid}/fd/${fd}`) !== 'anon_inode:[eventfd]') return undefined;
    return /^eventfd-id:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'latin1'))?.[1];
  } catch {
    return undefined;
  }
}
