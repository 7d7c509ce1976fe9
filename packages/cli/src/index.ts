export { ExitStatus } from './exit-status.js';
export { runProgram } from './program.js';
export { processTerminal, type Terminal, type TerminalProcess, type TerminalStream } from './terminal.js';
