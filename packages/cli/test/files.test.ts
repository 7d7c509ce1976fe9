import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readInput, writeLines } from '../src/files.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ioasis-files-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

it('writes lines, compressed where the name says so, and reads bytes', () => {
  expect(writeLines(join(folder, 'a'), ['x', 'y'])).toBeUndefined();
  expect(readInput(join(folder, 'a'))).toMatchObject({ right: Buffer.from('x\ny\n') });
  expect(writeLines(join(folder, 'a.gz'), ['x'])).toBeUndefined();
  expect(gunzipSync(readFileSync(join(folder, 'a.gz'))).toString()).toBe('x\n');
});

it('says why not', () => {
  expect(readInput(join(folder, 'absent'))).toEqual({
    _tag: 'Left',
    left: `cannot read ${folder}/absent: there is no such file`,
  });
  expect(readInput(folder)).toMatchObject({ left: `cannot read ${folder}: it is a folder` });
  expect(writeLines(join(folder, 'no', 'a'), [])).toBe(`cannot write ${folder}/no/a: there is no such file`);
});
