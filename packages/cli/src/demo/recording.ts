import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const RECORDING = 'fixtures/traces/device/iommufd-vtd-aw39.jsonl.gz';

/** Places of the recordings: inside the published package, and at the root of a checkout. */
const PLACES: readonly string[] = ['../../', '../../../../'];

/** The recording that the demo replays, by its name in a checkout. */
export const recordingName: string = RECORDING;

/** Its path, or undefined when this installation has none. */
export const recordingPath = (): string | undefined =>
  PLACES.map((place) => fileURLToPath(new URL(`${place}${RECORDING}`, import.meta.url))).find((path) =>
    existsSync(path),
  );
