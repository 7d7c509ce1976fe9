export * from './commands.js';
export * from './context-descriptor.js';
export * from './descriptors.js';
export * from './events.js';
export * from './register-offsets.js';
export * from './registers.js';
export * from './stream-table.js';
