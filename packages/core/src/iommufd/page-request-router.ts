import type { IommuBackend, IommuDevice, IommuGroup, PageRequest } from '../domain/index.js';

/** Where the page requests of a group go while it is attached to a page table with a fault queue. */
export interface PageRequestHandler {
  /** Whether the page table is a nested one: only such a table takes requests of PASIDs that nobody attached. */
  readonly nested: boolean;
  /** Takes a whole group of requests, the one with the last-page flag at the end. */
  deliver(requests: readonly PageRequest[]): void;
}

/**
 * Brings page requests from backends to fault queues (`iommu_report_device_fault`): collects the requests of a group until its last one
 * came and answers INVALID where nobody listens. One for the machine, because a backend serves several open files.
 */
export class PageRequestRouter {
  readonly #handlers = new Map<IommuGroup, PageRequestHandler>();
  readonly #partial = new Map<IommuDevice, PageRequest[]>();

  /** Requests of the group go to the handler; null: nobody takes them. */
  route(group: IommuGroup, handler: PageRequestHandler | null): void {
    if (handler === null) this.#handlers.delete(group);
    else this.#handlers.set(group, handler);
  }

  /** Forgets unfinished groups of requests of a device whose page requests are switched off. */
  forget(device: IommuDevice): void {
    this.#partial.delete(device);
  }

  /** A request arrives. False: it was answered INVALID at once. */
  report(backend: IommuBackend, request: PageRequest): boolean {
    const { device } = request;
    const handler = this.#handlers.get(device.group);
    if (handler === undefined || (request.pasid !== undefined && !handler.nested)) {
      backend.reportPageResponse?.(request, 'invalid');
      return false;
    }
    const partial = this.#partial.get(device) ?? [];
    if (!request.lastInGroup) {
      this.#partial.set(device, [...partial, request]);
      return true;
    }
    const ofGroup = ({ groupId }: PageRequest): boolean => groupId === request.groupId;
    this.#partial.set(
      device,
      partial.filter((earlier) => !ofGroup(earlier)),
    );
    handler.deliver([...partial.filter(ofGroup), request]);
    return true;
  }
}
