import { parseAmdLine } from './amd-vi.js';
import type { Decoded } from './decoded.js';
import { parseSmmuLine } from './smmuv3.js';
import { parseTableLine } from './table-lines.js';
import { parseVtdLine } from './vtd.js';

/** Everything of IOMMUs in a kernel log, in its order; other lines are passed over. */
export function decodeLog(text: string): readonly Decoded[] {
  const lines = text.split(/\r?\n/);
  return lines.flatMap((line, at) => {
    const found =
      parseVtdLine(line, lines[at + 1] ?? '', at + 1) ??
      parseAmdLine(line, at + 1) ??
      parseSmmuLine(lines, at) ??
      parseTableLine(line, at + 1);
    return found ?? [];
  });
}
