import { Access, hex, NO_PASID, type CacheTags, type Range64 } from '@ioasis/core';
import type { EventOf, Operation } from './event.js';

/*
 * Words for events, shared by the log and the findings.
 */

/** `[0x1000, 0x1fff]`; what has no range answers for all. */
export const rangeText = (range: Range64 | undefined): string =>
  range === undefined ? 'all addresses' : `[${hex(range.start)}, ${hex(range.last)}]`;

/** `domain=3 pasid=0`; nothing for no tags. */
export const tagsText = (tags: CacheTags): string =>
  Object.entries(tags)
    .map(([tag, value]) => `${tag}=${value}`)
    .join(' ');

/** `0x18 pasid 3`. */
export const requesterText = (requesterId: number, pasid: number): string =>
  `requester 0x${requesterId.toString(16)}${pasid === NO_PASID ? '' : ` pasid ${pasid}`}`;

/** What a request wants: `read`, `write`, `translation request for write`. */
function accessText(access: number): string {
  const wanted = (access & Access.WRITE) !== 0 ? 'write' : (access & Access.EXECUTE) !== 0 ? 'execute' : 'read';
  return (access & Access.TRANSLATION_REQUEST) !== 0 ? `translation request for ${wanted}` : wanted;
}

/** `requester 0x18: read of 0x40001000 -> 0x1000005000`. */
export const dmaText = ({ requesterId, pasid, iova, access, pa }: EventOf<'dma'>): string =>
  `${requesterText(requesterId, pasid)}: ${accessText(access)} of ${hex(iova)} ${pa === undefined ? 'refused' : `-> ${hex(pa)}`}`;

/** The call with its arguments, its step and where it was made. */
export function callText({ name, detail, step, site }: Operation): string {
  const called = detail === '' ? name : `${name}(${detail})`;
  return `${called} at step ${step}${site === undefined ? '' : `, called at ${site}`}`;
}
