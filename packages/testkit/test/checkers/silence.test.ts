import { describe, expect, it } from 'vitest';
import { amdVi } from '@ioasis/hw-amd-vi';
import { armSmmuv3 } from '@ioasis/hw-arm-smmuv3';
import { intelVtd } from '@ioasis/hw-intel-vtd';
import { conformanceCases, withCheckers, type Checkers } from '../../src/index.js';

/** Each vendor's unit with everything that it has. */
const backends = [
  intelVtd({ preset: 'full' }),
  armSmmuv3({ preset: 'server' }),
  amdVi({ preset: 'zen-server', npCache: true }),
];

describe.each(backends)('on the whole conformance run of $id', (definition) => {
  it('the stale checker reports what the backend declares, and nothing else', () => {
    const found: string[] = [];
    let check: Checkers | undefined;
    const checked = withCheckers(definition, (its) => (check = its), { only: ['stale-translation'] });
    for (const { area, name, gap, run } of conformanceCases(checked)) {
      run();
      const text = check?.text() ?? '';
      const isDeclared = gap?.startsWith('a cut page stays in caches') ?? false;
      if ((text !== '') !== isDeclared) found.push(`${area}: ${name}\n${text}`);
    }
    expect(found.join('\n\n')).toBe('');
  });
});
