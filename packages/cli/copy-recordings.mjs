// Before packing: the demo replays a recording, and what is published cannot reach out of its folder.
import { cpSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const recording = 'fixtures/traces/device/iommufd-vtd-aw39.jsonl.gz';
const at = (path) => fileURLToPath(new URL(path, import.meta.url));
cpSync(at(`../../${recording}`), at(recording));
