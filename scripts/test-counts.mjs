// Prints `N passed, N failed` of vitest's JSON result: node scripts/test-counts.mjs FILE
import { readFileSync } from 'node:fs';

const result = JSON.parse(readFileSync(process.argv[2], 'utf8'));
// A test file that cannot be loaded has no tests to count; it is a failure all the same.
const broken = result.testResults.filter(
  ({ status, assertionResults }) => status === 'failed' && !assertionResults.some((test) => test.status === 'failed'),
);
const failed = result.numFailedTests + broken.length;
console.log(`${result.numPassedTests} passed, ${failed} failed`);
process.exitCode = failed === 0 && result.success ? 0 : 1;
