/** What a log line, a record or an entry says. */
export interface Decoded {
  /** Where it began: a line of the input; undefined for words of the command line. */
  readonly line: number | undefined;
  /** Which thing of which vendor, with the code: `VT-d fault 0x06 READ_DENIED`. */
  readonly what: string;
  /** Who asked for what: the device, the kind of access, the PASID. */
  readonly who?: string;
  /** The address, with what it is. */
  readonly where?: string;
  /** What was found wrong. */
  readonly why?: string;
  /** The check of the specification that gives this code. */
  readonly check?: string;
  /** What usually is behind it, the likeliest first. */
  readonly causes?: readonly string[];
  /** Fields by their datasheet names, in the datasheet's order. */
  readonly fields?: readonly (readonly [name: string, value: bigint])[];
  /** Bits that are set and belong to no field. */
  readonly reserved?: bigint;
}

/** `00:02.0` of a requester id; a StreamID that is too large for one, as a number. */
export function requesterText(id: number): string {
  if (id > 0xffff) return `0x${id.toString(16)}`;
  const two = (value: number): string => value.toString(16).padStart(2, '0');
  return `${two(id >> 8)}:${two((id >> 3) & 31)}.${id & 7}`;
}
