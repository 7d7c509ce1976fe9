/** Physical address of a frame, bytes. */
export const frameAddress = (frame: number): bigint => BigInt(frame) << 12n;
