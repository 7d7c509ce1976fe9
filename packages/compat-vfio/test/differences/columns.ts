import { describe, expect, it } from 'vitest';
import { differenceTable, type DifferenceRowId } from '../../src/index.js';
import { TestMachine, type TestMachineOptions } from '../support/vfio-machine.js';

/** One column of a row as a test on a fresh machine. */
export type ColumnTest = (test: TestMachine) => void;

/** Both columns of a row of the difference table. */
export function row(
  id: DifferenceRowId,
  columns: { readonly type1: ColumnTest; readonly iommufd: ColumnTest },
  options: TestMachineOptions = {},
): void {
  const found = differenceTable.find((it) => it.id === id);
  if (found === undefined) throw new Error(`the difference table has no row ${id}`);
  describe(`row ${id}: ${found.topic}`, () => {
    it(`type1: ${found.type1}`, () => {
      expect.hasAssertions();
      columns.type1(new TestMachine({ ...options, personality: 'type1' }));
    });
    it(`iommufd: ${found.iommufd}`, () => {
      expect.hasAssertions();
      columns.iommufd(new TestMachine({ ...options, personality: 'iommufd' }));
    });
  });
}
