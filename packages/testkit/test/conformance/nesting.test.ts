import type { BackendDefinition, IommuBackend, IommuDomain } from '@ioasis/core';
import { intelVtd } from '@ioasis/hw-intel-vtd';
import { describe, expect, it } from 'vitest';
import {
  ConformanceError,
  nestingCases,
  nestingConformance,
  type ConformanceCase,
  type UserStageSample,
} from '../../src/index.js';
import { patch } from '../mutants/mutant.js';

const littleEndian =
  (bytes: Uint8Array): ((into: Uint8Array) => boolean) =>
  (into) => {
    into.set(bytes.subarray(0, into.length));
    return true;
  };

/** Four levels of x86-64 tables, `struct iommu_hwpt_vtd_s1` and `struct iommu_hwpt_vtd_s1_invalidate` (Linux 6.12 uapi). */
const vtdStage: UserStageSample = {
  tableBytes: 0x4000n,
  write: (store, tables, iova, target) => {
    for (let level = 0n; level < 4n; level++) {
      const index = (iova >> (39n - 9n * level)) & 0x1ffn;
      const below = level === 3n ? target : tables + (level + 1n) * 0x1000n;
      // P, RW, US, A; D on the page.
      store(tables + level * 0x1000n + index * 8n, below | (level === 3n ? 0x67n : 0x27n));
    }
  },
  data: (tables) => {
    const bytes = new Uint8Array(24);
    const view = new DataView(bytes.buffer);
    view.setBigUint64(8, tables, true);
    view.setUint32(16, 48, true);
    return { type: 1, bytes: 24, read: littleEndian(bytes) };
  },
  invalidation: (iova) => {
    const bytes = new Uint8Array(24);
    const view = new DataView(bytes.buffer);
    view.setBigUint64(0, iova, true);
    view.setBigUint64(8, 1n, true);
    return { type: 0, entryBytes: 24, count: 1, read: (_index, into) => littleEndian(bytes)(into) };
  },
};

const everything = intelVtd({ preset: 'full' });

describe.each([
  ['everything', everything],
  ['walks that do not snoop', intelVtd({ preset: 'full', coherent: false })],
  ['caching mode', intelVtd({ preset: 'full', cachingMode: true })],
] as const)('VT-d with %s', (_name, definition) => {
  nestingConformance({ describe, it }, definition, vtdStage);
});

describe('a backend that', () => {
  /** One case of a spoiled backend. */
  const caseOf = (title: string, spoil: (backend: IommuBackend) => void): ConformanceCase => {
    const definition: BackendDefinition = {
      ...everything,
      create: (environment) => {
        const backend = everything.create(environment);
        spoil(backend);
        return backend;
      },
    };
    return nestingCases(definition, vtdStage).find(({ name }) => name === title)!;
  };

  it('drops nothing when the user asks for it fails', () => {
    const broken = caseOf("a change of the user's tables is seen after the user's invalidation", (backend) =>
      patch(backend, 'allocNested', (original) => (...call) => {
        const nested = original(...call);
        if (typeof nested !== 'number') nested.invalidate = ({ count }) => ({ handled: count, errno: 0 });
        return nested;
      }),
    );
    expect(() => broken.run()).toThrow(ConformanceError);
  });

  it('forgets stages when their parent changes fails', () => {
    const broken = caseOf(
      'an unmap in the parent is seen by a device that has used the page through a stage',
      (backend) =>
        patch(backend, 'allocPaging', (original) => (...call) => {
          const domain = original(...call);
          if (typeof domain !== 'number') {
            patch(domain, 'syncUnmap', (sync) => (gather) => {
              gather.empty = true;
              sync(gather);
            });
          }
          return domain;
        }),
    );
    expect(() => broken.run()).toThrow(ConformanceError);
  });

  it('takes a stage for its parent fails', () => {
    const broken = caseOf('a request goes through both stages, and one for another page through none', (backend) => {
      const parents = new Map<unknown, IommuDomain>();
      patch(backend, 'allocNested', (original) => (device, parent, flags, data) => {
        const nested = original(device, parent, flags, data);
        parents.set(nested, parent);
        return nested;
      });
      patch(backend, 'attach', (original) => (device, domain) => original(device, parents.get(domain) ?? domain));
    });
    expect(() => broken.run()).toThrow(ConformanceError);
  });
});
