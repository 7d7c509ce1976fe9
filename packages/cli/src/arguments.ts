import { InvalidArgumentError } from 'commander';

/** Parses an argument that must be a whole number from 0 on. */
export function wholeNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isSafeInteger(value) || value < 0)
    throw new InvalidArgumentError('It must be a whole number.');
  return value;
}

/** Parses names that are separated by commas. */
export function listOfNames(text: string): readonly string[] {
  const names = text.split(',').map((name) => name.trim());
  if (names.includes('')) throw new InvalidArgumentError('It must be names that are separated by commas.');
  return names;
}

const HEX_NUMBER = /^(?:0x)?([0-9a-f]{1,16})$/i;

/** Parses a hexadecimal number of up to 64 bits; 0x in front or not. */
export function hexNumber(text: string): bigint {
  const digits = HEX_NUMBER.exec(text)?.[1];
  if (digits === undefined) throw new InvalidArgumentError('It must be a hexadecimal number of up to 64 bits.');
  return BigInt(`0x${digits}`);
}

const LAST_PASID = 0xf_ffff;

/** Parses a PASID, which has 20 bits. */
export function pasidNumber(text: string): number {
  const value = wholeNumber(text);
  if (value > LAST_PASID) throw new InvalidArgumentError('It must be a whole number of up to 20 bits.');
  return value;
}

const [NARROWEST, WIDEST] = [36, 52];

/** Parses the width of a machine's physical addresses in bits. */
export function addressWidth(text: string): number {
  const bits = wholeNumber(text);
  if (bits < NARROWEST || bits > WIDEST)
    throw new InvalidArgumentError(`It must be a whole number from ${NARROWEST} to ${WIDEST}.`);
  return bits;
}

const PCI_FUNCTION = /^(?:[0-9a-f]{4}:)?([0-9a-f]{2}):([01][0-9a-f])\.([0-7])$/i;

/** Parses a requester: a PCI function, or a number. */
export function requester(text: string): number {
  const [, bus, slot, fn] = PCI_FUNCTION.exec(text) ?? [];
  if (bus === undefined || slot === undefined) {
    const id = Number(text);
    if (text.trim() === '' || !Number.isSafeInteger(id) || id < 0 || id > 0xffff_ffff)
      throw new InvalidArgumentError('It must be a PCI function such as 00:02.0, or a number.');
    return id;
  }
  return (Number.parseInt(bus, 16) << 8) | (Number.parseInt(slot, 16) << 3) | Number(fn);
}
