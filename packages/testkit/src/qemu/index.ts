export { writeHaltRom } from './board.js';
export { runOnQemu } from './run-on-qemu.js';
