import { machineWithEdu } from './native.js';
import { runProgram } from '../src/index.js';

// A server in a process of its own, so that a test can kill it: node serve.mjs PROGRAM.
process.exitCode = await runProgram({ machine: machineWithEdu(), command: process.argv[2] ?? '', args: [] });
