import type { DifferenceRow } from './difference-row.js';
import { environmentRows } from './environment-rows.js';
import { mappingRows } from './mapping-rows.js';
import { setUpRows } from './set-up-rows.js';

/**
 * All differences between the two personalities, Linux 6.12. The rows of the audit that the commit which brought VFIO compatibility to iommufd
 * left open; documentation, `explain` and `diff` read them.
 */
export const differenceTable: readonly DifferenceRow[] = [...setUpRows, ...mappingRows, ...environmentRows];
