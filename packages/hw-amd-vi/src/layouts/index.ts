export * from './commands.js';
export * from './device-table-entry.js';
export * from './events.js';
export * from './page-table-entries.js';
export * from './register-offsets.js';
export * from './registers.js';
