import { hex } from '@ioasis/core';
import type { LogEvent } from './event.js';
import { callText, dmaText, rangeText, requesterText, tagsText } from './words.js';

/** Words of a write that are shown. */
const SHOWN = 3;

/** An event in one line, indented by the calls that it is part of. */
export function eventText(event: LogEvent): string {
  let depth = event.kind === 'return' ? -1 : 0;
  for (let call = event.during; call !== undefined; call = call.within) depth++;
  const step = String(event.step).padStart(6);
  return `${step} ${'  '.repeat(Math.max(0, event.kind === 'return' ? depth + 1 : depth))}${whatText(event)}`;
}

function whatText(event: LogEvent): string {
  switch (event.kind) {
    case 'call':
      return callText(event.call).replace(/ at step \d+/, '');
    case 'return':
      return `${event.call.name} returned${event.outcome === undefined ? '' : `: ${event.outcome}`}`;
    case 'map':
      return `domain ${event.domain}: mapped ${rangeText(event.range)} -> ${hex(event.pa)}`;
    case 'unmap':
      return `domain ${event.domain}: unmapped ${rangeText(event.range)}`;
    case 'sync':
      return `domain ${event.domain}: synchronized (${event.of})`;
    case 'attach': {
      const where = event.domain === undefined ? 'detached' : `attached to domain ${event.domain}`;
      return `${requesterText(event.requesterId, event.pasid)}: ${where}`;
    }
    case 'write': {
      const shown = event.words
        .slice(0, SHOWN)
        .map((it) => `${hex(it.address)}: ${hex(it.before)} -> ${hex(it.after)}`);
      const more = event.words.length > SHOWN ? `, and ${event.words.length - SHOWN} words more` : '';
      return `${event.by} writes ${shown.join(', ')}${more}`;
    }
    case 'register':
      return `unit ${event.unit}: register ${hex(BigInt(event.offset))} = ${hex(event.value)}`;
    case 'command':
      return `unit ${event.unit}: ${event.name} [${event.words.map((word) => (word >>> 0).toString(16).padStart(8, '0')).join(' ')}]`;
    case 'invalidation': {
      const { command, caches, tags, range, dropped } = event.invalidation;
      return `unit ${event.unit}: ${command} of ${caches.join(', ')} ${tagsText(tags)} ${rangeText(range)}: ${dropped} dropped`;
    }
    case 'fill': {
      const { cache, tags, range, pa } = event.fill;
      return `unit ${event.unit}: ${cache} keeps ${tagsText(tags)} ${rangeText(range)}${pa === undefined ? '' : ` -> ${hex(pa)}`}`;
    }
    case 'dma':
      return `${dmaText(event)} (${event.from}, ${event.reads} reads)`;
    case 'fault':
      return `unit ${event.unit}: fault ${event.fault.name} of ${hex(event.fault.iova)}, ${event.fault.recorded}`;
    case 'system-call':
      return `process ${event.pid}: ${event.record.op}`;
  }
}
