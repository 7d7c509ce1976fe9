export { missingQemu, runOnQemu } from './run-on-qemu.js';
