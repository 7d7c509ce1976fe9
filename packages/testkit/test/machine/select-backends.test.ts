import { afterEach, describe, expect, it, vi } from 'vitest';
import { mockBackend, selectBackends } from '../../src/index.js';
import { vendors } from '../vendors.js';

const chosen = (selection?: string): string[] => selectBackends(vendors, selection).map(({ id }) => id);

describe('selectBackends', () => {
  afterEach(() => vi.unstubAllEnvs());

  it('takes all without a selection', () => {
    vi.stubEnv('IOASIS_BACKEND', undefined);
    expect(chosen()).toEqual(['intel-vtd', 'arm-smmuv3', 'amd-vi']);
    expect(chosen(' ')).toHaveLength(3);
  });

  it('takes those that the environment names, in its order', () => {
    vi.stubEnv('IOASIS_BACKEND', 'amd-vi, intel-vtd');
    expect(chosen()).toEqual(['amd-vi', 'intel-vtd']);
  });

  it('refuses names that are not known, with those that are', () => {
    expect(() => chosen('intel-vdt')).toThrowErrorMatchingInlineSnapshot(
      `[RangeError: IOASIS_BACKEND names "intel-vdt", known are: intel-vtd, arm-smmuv3, amd-vi]`,
    );
    expect(() => chosen('amd-vi,')).toThrow('IOASIS_BACKEND names "", known are');
    expect(() => chosen('amd-vi,amd-vi')).toThrow('IOASIS_BACKEND names amd-vi twice');
  });

  it('refuses two backends with one id', () => {
    expect(() => selectBackends([mockBackend(), mockBackend()])).toThrow('two backends have one id: mock, mock');
  });
});
