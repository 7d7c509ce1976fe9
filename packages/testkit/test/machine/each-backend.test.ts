import { afterEach, describe, expect, it, vi } from 'vitest';
import { backendModule } from '@ioasis/core';
import { createTestMachine, eachBackend, type BackendSource } from '../../src/index.js';
import { vendors } from '../vendors.js';

afterEach(() => vi.unstubAllEnvs());

/** A runner that only writes down what it is told. */
function groupsOf(backends: readonly BackendSource[]): string[] {
  const groups: string[] = [];
  eachBackend(
    (name, body) => {
      groups.push(`in ${name}`);
      body();
    },
    backends,
    ({ id }) => groups.push(`test ${id}`),
  );
  return groups;
}

it('declares the tests once for each backend, under its id, with any runner', () => {
  expect(groupsOf(vendors.slice(0, 2))).toEqual(['in intel-vtd', 'test intel-vtd', 'in arm-smmuv3', 'test arm-smmuv3']);
});

it('declares them for those that the environment selects', () => {
  vi.stubEnv('IOASIS_BACKEND', 'amd-vi');
  expect(groupsOf(vendors)).toEqual(['in amd-vi', 'test amd-vi']);
});

// The same by inversify modules.
const modules = vendors.map((definition) => ({ id: definition.id, module: backendModule(definition) }));
eachBackend(describe, modules, (backend) => {
  it('runs on the backend that a module binds', () => {
    expect(createTestMachine({ backend }).machine.backend.id).toBe(backend.id);
    expect(createTestMachine({ backend: backend.module }).machine.backend.id).toBe(backend.id);
  });
});
