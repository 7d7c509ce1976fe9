export * from './checkers/index.js';
export * from './conformance/index.js';
export * from './campaign/index.js';
export * from './catalogue/index.js';
export * from './devices/index.js';
export * from './diff/index.js';
export * from './failure/index.js';
export * from './fidelity/index.js';
export * from './jsonl/index.js';
export * from './log/index.js';
export * from './machine/index.js';
export * from './matchers/index.js';
export * from './mock/index.js';
export * from './qemu/index.js';
export * from './scenario/index.js';
export * from './trace/index.js';
/** The name under which this package is published. */
export const packageName: string = '@ioasis/testkit';
