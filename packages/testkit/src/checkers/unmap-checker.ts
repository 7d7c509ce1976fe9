import type { EventOf, LogEvent } from '../log/index.js';
import { outermost } from '../log/index.js';
import { IovaHistory } from '../log/iova-history.js';
import type { UseAfterUnmapFinding } from './finding.js';

/** Finds DMA to what was mapped for its requester and is not any more. */
export class UnmapChecker {
  readonly #history = new IovaHistory();
  readonly #findings: { -readonly [K in keyof UseAfterUnmapFinding]: UseAfterUnmapFinding[K] }[] = [];

  get findings(): readonly UseAfterUnmapFinding[] {
    return this.#findings;
  }

  clear(): void {
    this.#findings.length = 0;
  }

  event(event: LogEvent): void {
    this.#history.event(event);
    if (event.kind === 'dma') this.#check(event);
  }

  #check(dma: EventOf<'dma'>): void {
    const domain = this.#history.domainOf(dma.requesterId, dma.pasid);
    if (domain === undefined) return;
    const unmap = this.#history.lastChange(domain, dma.iova);
    if (unmap?.kind !== 'unmap') return;
    const call = outermost(unmap.during);
    const known = this.#findings.find(
      (finding) => finding.call === call && finding.dma.requesterId === dma.requesterId,
    );
    if (known !== undefined) known.more++;
    else {
      const map = this.#history.lastMap(domain, dma.iova);
      this.#findings.push({ checker: 'use-after-unmap', dma, unmap, call, map, more: 0 });
    }
  }
}
