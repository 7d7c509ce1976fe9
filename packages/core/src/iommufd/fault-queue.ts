import type { IommuBackend, PageRequest, PageResponseCode } from '../domain/index.js';
import { IommufdObject } from './object.js';

/** One attachment of a group to a page table with a fault queue; requests belong to it until they are answered. */
export interface AttachHandle {
  /** Id of the device that made the attachment, as records name it. */
  readonly deviceId: number;
  readonly backend: IommuBackend;
}

/** Page requests that are answered together. */
export interface PageRequestGroup {
  readonly handle: AttachHandle;
  /** In order of arrival; only the last one has the last-page flag. */
  readonly requests: readonly PageRequest[];
}

const answer = ({ handle, requests }: PageRequestGroup, code: PageResponseCode): void => {
  const last = requests.at(-1);
  if (last !== undefined) handle.backend.reportPageResponse?.(last, code);
};

/** A fault queue: page requests on their way to a program and its answers on their way back (`struct iommufd_fault`). */
export class FaultQueue extends IommufdObject {
  readonly kind = 'fault';
  /** Whether its descriptor is open. */
  open = false;
  readonly #queued: PageRequestGroup[] = [];
  readonly #unanswered = new Map<number, PageRequestGroup>();

  /** True when a read gives something. */
  get readable(): boolean {
    return this.#queued.length > 0;
  }

  /** The group that a read gives next. */
  get first(): PageRequestGroup | undefined {
    return this.#queued[0];
  }

  /** A group of requests arrives. */
  deliver(group: PageRequestGroup): void {
    this.#queued.push(group);
  }

  /** The cookie that {@link take} would give: the lowest one not in use, from 1. */
  nextCookie(): number {
    let cookie = 1;
    while (this.#unanswered.has(cookie)) cookie++;
    return cookie;
  }

  /** The first group was read: it waits for its answer under the cookie. */
  take(cookie: number): void {
    const group = this.#queued.shift();
    if (group !== undefined) this.#unanswered.set(cookie, group);
  }

  /** Answers the group of a cookie; false when there is none. */
  answer(cookie: number, code: PageResponseCode): boolean {
    const group = this.#unanswered.get(cookie);
    if (group === undefined) return false;
    this.#unanswered.delete(cookie);
    answer(group, code);
    return true;
  }

  /** Answers INVALID to everything of an attachment that is gone, first what was not read. */
  abandon(handle: AttachHandle): void {
    this.#abandonWhere((group) => group.handle === handle);
  }

  override holders(): readonly string[] {
    return this.open ? ['its open descriptor'] : [];
  }

  /** Answers INVALID to everything. */
  destroy(): void {
    this.#abandonWhere(() => true);
  }

  #abandonWhere(matches: (group: PageRequestGroup) => boolean): void {
    const dropped = this.#queued.filter(matches);
    const kept = this.#queued.filter((group) => !matches(group));
    this.#queued.splice(0, this.#queued.length, ...kept);
    for (const group of dropped) answer(group, 'invalid');
    for (const [cookie, group] of [...this.#unanswered].toSorted(([a], [b]) => a - b)) {
      if (!matches(group)) continue;
      this.#unanswered.delete(cookie);
      answer(group, 'invalid');
    }
  }
}
