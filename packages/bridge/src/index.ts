export { BridgeServer } from './server.js';
export type { RefusalListener, ServerOptions } from './server-options.js';
export { compiler, preloadLibrary } from './preload-library.js';
export { findProgram, whyNotServed } from './program-file.js';
export { TaskFailures } from './task-failures.js';
export { runProgram, type RunOptions } from './run-program.js';
export { writeDeviceTree } from './device-tree.js';
