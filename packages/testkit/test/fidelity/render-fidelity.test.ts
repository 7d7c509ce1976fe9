import { expect, it } from 'vitest';
import { renderFidelity } from '@ioasis/testkit';

it('prints a table for each level that has features', () => {
  const text = renderFidelity([
    {
      title: 'mine',
      features: [
        { level: 3, feature: 'Modes A|B', state: 'part', note: 'A only' },
        { level: 1, feature: 'Tables', state: 'modelled' },
      ],
    },
    { title: 'silent', features: undefined },
  ]);
  expect(text).toBe(`## mine

### Level 1: what every driver needs

| feature | state | note |
|---|---|---|
| Tables | modelled |  |

### Level 3: what larger units have

| feature | state | note |
|---|---|---|
| Modes A\\|B | part | A only |

## silent

This backend claims nothing.
`);
});
