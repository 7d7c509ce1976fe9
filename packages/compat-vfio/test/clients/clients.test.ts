import type { BackendDefinition } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import { TestMachine } from '../support/vfio-machine.js';
import { backends } from '../support/backends.js';
import { deviceClients } from './device-clients.js';
import { groupClients } from './group-clients.js';

/* The calls that real programs make at start-up, each with what that program asserts. A failure names the client that would break. */

const combinations = [...groupClients, ...deviceClients].flatMap((script) =>
  script.personalities.flatMap((personality) =>
    Object.entries(backends).map(([name, backend]): [string, string, string, () => void] => [
      script.client,
      personality,
      name,
      () => runAndClose(script.run, personality, backend()),
    ]),
  ),
);

function runAndClose(
  run: (test: TestMachine) => void,
  personality: 'iommufd' | 'type1',
  backend: BackendDefinition,
): void {
  const test = new TestMachine({ personality, backend });
  run(test);
  expect(test.machine.close()).toMatchObject({ userFrames: 0, pins: 0, lockedPages: 0, objects: [] });
}

describe('start-up of real clients', () => {
  it.each(combinations)('%s starts on personality %s behind %s', (_client, _personality, _backend, run) => {
    expect.hasAssertions();
    run();
  });
});
