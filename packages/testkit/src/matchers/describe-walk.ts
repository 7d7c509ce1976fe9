import { hex, type HardwareFault, type TranslationWalk, type WalkStep } from '@ioasis/core';

/** The words of an entry, the highest first, as the datasheet draws a long one. */
export const entryWords = ({ words }: WalkStep): string =>
  words
    .toReversed()
    .map((word) => `0x${word.toString(16).padStart(16, '0')}`)
    .join(' ');

/** The fields of an entry that are set, in the datasheet's order. */
export const entryFields = ({ fields }: WalkStep): string =>
  Object.entries(fields)
    .filter(([, value]) => value !== 0n)
    .map(([name, value]) => `${name}=${value < 10n ? value : hex(value)}`)
    .join(' ') || 'nothing set';

/**
 * A walk for a person: for each entry that was read what it is, where it lies, its words, highest first, and the fields that are set; then
 * where the walk ended.
 */
export const describeWalk = (walk: TranslationWalk): string =>
  [
    ...walk.steps.map((step) => `  ${step.what} at ${hex(step.address)}: ${entryWords(step)} ${entryFields(step)}`),
    `  ${walkEnd(walk)}`,
  ].join('\n');

function walkEnd({ pa, pageBytes, readable, writable, fault }: TranslationWalk): string {
  if (pa === undefined)
    return fault === undefined ? 'leads nowhere' : `faults: ${fault.name} (${numberOf(fault.code)})`;
  const rights = [readable ? 'read' : '', writable ? 'write' : ''].filter(Boolean).join(' and ') || 'nothing';
  return `leads to ${hex(pa)}, page of ${hex(pageBytes ?? 0n)} bytes, ${rights} allowed`;
}

/** A fault for a person: vendor, name and code, who wanted what, and what became of the record. */
export function describeFault(fault: HardwareFault): string {
  const pasid = fault.pasid === undefined ? '' : ` PASID ${fault.pasid}`;
  const details = Object.entries(fault.details).map(
    ([name, value]) => `${name}=${typeof value === 'bigint' ? hex(value) : value}`,
  );
  return [
    `${fault.vendor} ${fault.name} (${numberOf(fault.code)}): ${fault.access} of ${hex(fault.iova)} by ${requesterName(fault.requesterId)}${pasid}, ${fault.recorded}`,
    ...(details.length > 0 ? [`[${details.join(' ')}]`] : []),
  ].join(' ');
}

/** `00:01.0`: bus, device and function of a source id. */
export const requesterName = (requesterId: number): string => {
  const two = (value: number): string => value.toString(16).padStart(2, '0');
  return `${two(requesterId >>> 8)}:${two((requesterId >>> 3) & 0x1f)}.${requesterId & 7}`;
};

const numberOf = (code: number): string => `0x${code.toString(16).padStart(2, '0')}`;
