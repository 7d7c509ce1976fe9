// Before packing: the demo replays recordings, and what is published cannot reach out of its folder.
import { cpSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
for (const machine of ['vtd-aw39', 'smmuv3', 'amd']) {
  const recording = `fixtures/traces/device/iommufd-${machine}.jsonl.gz`;
  cpSync(at(`../../${recording}`), at(recording));
}
