import { Access, join64, type DeviceTlb } from '@ioasis/core';
import type { EventOf } from './event.js';
import type { EventStream } from './event-stream.js';
import { intercept } from './intercept.js';

/**
 * Puts what a device answers from its own translation cache into a stream; what it asks the unit for is there already.
 * @param unit number of the unit that it asks
 * @param witness told after each answer
 */
export function tapDeviceTlb(
  tlb: DeviceTlb,
  unit: number,
  stream: EventStream,
  witness: (dma: EventOf<'dma'>) => void,
): void {
  intercept(tlb, 'translate', (translate) => (pasid, iovaHi, iovaLo, access) => {
    const { requests } = tlb;
    const found = translate(pasid, iovaHi, iovaLo, access);
    if (!found || tlb.requests !== requests) return found;
    const happening = {
      kind: 'dma',
      unit,
      requesterId: tlb.requesterId,
      pasid,
      iova: join64(iovaHi, iovaLo),
      access: access | Access.READ | Access.TRANSLATION_REQUEST,
      pa: join64(tlb.paHi, tlb.paLo),
      from: 'device-tlb',
      reads: 0,
    } as const;
    witness(stream.emit(happening) as EventOf<'dma'>);
    return found;
  });
}
