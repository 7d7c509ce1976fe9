import { expect, it } from 'vitest';
import { Access, accessKind } from '../../src/index.js';

const { READ, WRITE, EXECUTE, PRIVILEGED, ATOMIC, TRANSLATION_REQUEST } = Access;

it.each([
  [READ, 'read'],
  [READ | PRIVILEGED, 'read'],
  [WRITE, 'write'],
  [READ | EXECUTE, 'execute'],
  [READ | WRITE | ATOMIC, 'atomic'],
  [READ | WRITE | TRANSLATION_REQUEST, 'translation-request'],
] as const)('a request with bits %i is called %s', (access, kind) => {
  expect(accessKind(access)).toBe(kind);
});
