export * from './bits/index.js';
export * from './errno/index.js';
export * from './abi/index.js';
export * from './hardware/index.js';
export * from './domain/index.js';
export * from './memory/index.js';
export * from './page-table/index.js';
export * from './process/index.js';
