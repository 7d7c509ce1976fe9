import { expect, it } from 'vitest';
import { fidelityRow, optionalFidelity } from '../../src/index.js';

it('a feature has a note only where one was given', () => {
  expect(fidelityRow(1, 'tables', 'modelled')).toStrictEqual({ level: 1, feature: 'tables', state: 'modelled' });
  expect(fidelityRow(2, 'caches', 'part', 'small')).toMatchObject({ state: 'part', note: 'small' });
});

it('an optional feature is there or not, and names its switch', () => {
  expect(optionalFidelity(3, 'ATS', true, 'ECAP.DT')).toMatchObject({ state: 'modelled', note: 'ECAP.DT' });
  expect(optionalFidelity(3, 'ATS', false, 'ECAP.DT')).toMatchObject({ state: 'absent', note: 'ECAP.DT' });
});
