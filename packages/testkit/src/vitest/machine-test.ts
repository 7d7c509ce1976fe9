import { describe, test, type TestAPI } from 'vitest';
import type { MachineOptions } from '@ioasis/core';
import { checkers } from '../checkers/index.js';
import {
  createTestMachine,
  eachBackend,
  type BackendSource,
  type TestLimits,
  type TestMachine,
} from '../machine/index.js';
import { assertNoLeaks } from '../matchers/index.js';

/** What is on hand in a {@link machineTest}. */
export interface MachineFixtures {
  /** The vendor that the test runs on. */
  readonly backend: BackendSource;
  /** What else the machine is made of; nothing unless overridden: `test.override({ setup: { limits: { memlock: 0x2000n } } })`. */
  readonly setup: Omit<MachineOptions, 'devices' | 'memoryLimit'> & {
    readonly limits?: TestLimits;
  };
  /** Whether checkers look over the machine's shoulder, and fail the test for what they find. False unless overridden. */
  readonly checked: boolean;
  /** The machine, made on first use. After the test it is closed, and the test fails when something is still held. */
  readonly pc: TestMachine;
}

/**
 * `test` with a machine of one backend.
 *
 * @example
 * ```ts
 * const test = machineTest(intelVtd({ preset: 'qemu-q35-39bit' }));
 * test('ends where 39 bits end', ({ pc }) => {
 *   const { va } = pc.buffer(0x1000);
 *   const answer = pc.iommufd.ioasMap({ ioasId: pc.ioasId, userVa: va, length: 0x1000n, iova: 1n << 39n });
 *   expect(answer).toRefuse('EINVAL', 'MAP_IOVA_RESERVED');
 * });
 * ```
 */
export const machineTest = (backend: BackendSource): TestAPI<MachineFixtures> =>
  test.extend<MachineFixtures>({
    backend,
    setup: {},
    checked: false,
    pc: async ({ backend: source, setup, checked }, use) => {
      const check = checked ? checkers() : undefined;
      const services = [...(setup.services ?? []), ...(check === undefined ? [] : [check])];
      const pc = createTestMachine({ ...setup, services, backend: source });
      await use(pc);
      check?.assertClean();
      assertNoLeaks(pc);
    },
  });

/**
 * Declares the same tests once for each backend, in a group with its id as name, each with a {@link machineTest}. `IOASIS_BACKEND` narrows
 * the choice from outside.
 * @throws RangeError as `selectBackends`
 */
export const testEachBackend = (
  backends: readonly BackendSource[],
  body: (test: TestAPI<MachineFixtures>, backend: BackendSource) => void,
): void => eachBackend(describe, backends, (backend) => body(machineTest(backend), backend));
