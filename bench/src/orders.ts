const PAGES = 65536;
const UNUSED_DRAWS = 1 << 20;

/** Orders of pages from the xorshift32 sequence that radix.c draws. */
export interface Orders {
  readonly pages: Int32Array;
  /** The first 2048 pages, each often. */
  readonly hot: Int32Array;
}

export function drawOrders(): Orders {
  let state = 12345;
  const draw = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state;
  };
  const pages = Int32Array.from({ length: PAGES }, () => draw() & (PAGES - 1));
  // radix.c draws another order here, which is not walked.
  for (let i = 0; i < UNUSED_DRAWS; i++) draw();
  return { pages, hot: Int32Array.from({ length: PAGES }, () => draw() & 2047) };
}
