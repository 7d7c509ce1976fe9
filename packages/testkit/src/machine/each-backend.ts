import type { BackendSource } from './backend-source.js';
import { selectBackends } from './select-backends.js';

/** `describe` of vitest, node:test, mocha or jest. */
export type DescribeFunction = (name: string, body: () => void) => unknown;

/**
 * Declares the same tests once for each backend, in a group with its id as name. `IOASIS_BACKEND` narrows the choice from outside.
 *
 * @example
 * ```ts
 * eachBackend(describe, [intelVtd(), amdVi(), armSmmuv3()], (backend) => {
 *   it('maps a buffer', () => {
 *     const pc = createTestMachine({ backend });
 *     expect(pc.dma.read(pc.map(pc.buffer(Uint8Array.of(7))), 1).data).toEqual(Uint8Array.of(7));
 *   });
 * });
 * ```
 * @throws RangeError as `selectBackends`
 */
export function eachBackend<Source extends BackendSource>(
  describe: DescribeFunction,
  backends: readonly Source[],
  body: (backend: Source) => void,
): void {
  for (const backend of selectBackends(backends)) describe(backend.id, () => body(backend));
}
