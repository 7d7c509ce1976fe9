import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Places of the recordings: inside the published package, and at the root of a checkout. */
const PLACES: readonly string[] = ['../../', '../../../../'];

/** Path of a recording, by its name in a checkout, or undefined when this installation does not have it. */
export const recordingPath = (name: string): string | undefined =>
  PLACES.map((place) => fileURLToPath(new URL(`${place}${name}`, import.meta.url))).find((path) => existsSync(path));
