import type { BackendDefinition } from '@ioasis/core';
import { conformanceCases, withCheckers, type Checkers } from '@ioasis/testkit';
import { describe, expect, it } from 'vitest';
import { riscvIommu } from '../src/index.js';

/** What checkers say of each case of the conformance suite whose name begins so. */
function findings(definition: BackendDefinition, start: string = ''): string[] {
  let check: Checkers | undefined;
  const checked = withCheckers(definition, (its) => (check = its), {
    only: ['stale-translation', 'dirty-oracle', 'table-lint'],
  });
  const cases = conformanceCases(checked).filter(({ area, name }) => `${area}: ${name}`.startsWith(start));
  return cases.flatMap(({ area, name, run }) => {
    try {
      run();
    } catch {
      // A broken backend fails cases; here only the checkers are asked.
    }
    const text = check?.text() ?? '';
    return text === '' ? [] : [`${area}: ${name}\n${text}`];
  });
}

describe('the checkers of testkit, which know nothing of RISC-V', () => {
  it('find nothing in a whole run of the conformance suite', () => {
    expect(findings(riscvIommu()).join('\n\n')).toBe('');
  });

  it('find the entry, its tags and the missing invalidation when the driver forgets one', () => {
    const forgetful: BackendDefinition = {
      ...riscvIommu(),
      create: (environment) => {
        const backend = riscvIommu().create(environment);
        const allocPaging = backend.allocPaging.bind(backend);
        backend.allocPaging = (device, flags, data) => {
          const domain = allocPaging(device, flags, data);
          if (typeof domain !== 'number') domain.syncUnmap = (gather) => gather.reset();
          return domain;
        };
        return backend;
      },
    };
    const [found] = findings(forgetful, 'invalidation: a page that was written');
    expect(found).toContain('stale');
    expect(found).toContain('pscid');
  });
});
