import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { BackendDefinition } from '@ioasis/core';
import { left, right, type Either } from 'fp-ts/lib/Either.js';
import { findVendor } from '../vendors.js';

/** What of a module is the backend. */
export interface BackendChoice {
  /** Name of the export; the default export unless given. */
  readonly export?: string;
  /** JSON that a function which makes definitions is called with. */
  readonly options?: string;
}

/**
 * The backend of a module: a definition, or a function that makes one.
 * @param specifier id of an installed backend, a file, or a package as seen from here or from the working folder
 * @returns Left with what is wrong
 */
export async function loadBackend(
  specifier: string,
  choice: BackendChoice,
): Promise<Either<string, BackendDefinition>> {
  const vendor = findVendor(specifier);
  if (vendor !== undefined) {
    return choice.export === undefined && choice.options === undefined
      ? right(vendor.make(vendor.largest))
      : left(
          `${specifier} is installed and takes neither --export nor --options; give its package, such as @ioasis/hw-intel-vtd`,
        );
  }
  if (/^\.{0,2}\//.test(specifier) && !existsSync(specifier))
    return left(`cannot load ${specifier}: there is no such file`);
  let module: Readonly<Record<string, unknown>>;
  try {
    module = await importFrom(specifier);
  } catch (error) {
    return left(`cannot load ${specifier}: ${messageOf(error)}`);
  }
  const name = choice.export ?? 'default';
  const found = module[name];
  if (found === undefined) return left(`${specifier} has no export ${name}; it has ${Object.keys(module).join(', ')}`);
  try {
    const options: unknown[] = choice.options === undefined ? [] : [JSON.parse(choice.options)];
    const definition: unknown = typeof found === 'function' ? found(...options) : found;
    return isDefinition(definition)
      ? right(definition)
      : left(`${name} of ${specifier} is no backend: a BackendDefinition has id and create`);
  } catch (error) {
    return left(`${name} of ${specifier} makes no backend: ${messageOf(error)}`);
  }
}

async function importFrom(specifier: string): Promise<Readonly<Record<string, unknown>>> {
  const file = resolve(specifier);
  if (existsSync(file)) return import(pathToFileURL(file).href);
  try {
    return await import(specifier);
  } catch (error) {
    const require = createRequire(join(process.cwd(), 'here.js'));
    let found: string;
    try {
      found = require.resolve(specifier);
    } catch {
      throw error;
    }
    return import(pathToFileURL(found).href);
  }
}

const isDefinition = (value: unknown): value is BackendDefinition =>
  typeof value === 'object' &&
  value !== null &&
  'id' in value &&
  typeof value.id === 'string' &&
  'create' in value &&
  typeof value.create === 'function';

/** The first line, without who asked: a loader's message goes on with importers, which are ours. */
const messageOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split('\n')[0]?.replace(/ imported from .*$/, '') ?? '';
