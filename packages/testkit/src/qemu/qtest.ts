import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Writable } from 'node:stream';

interface Waiter {
  readonly command: string;
  readonly resolve: (value: string) => void;
  readonly reject: (reason: Error) => void;
}

/** How much of the trace is read at once, bytes. */
const TRACE_CHUNK = 0x1_0000;

/**
 * A QEMU that runs no guest and is asked through its qtest protocol: one command a line, one `OK [value]` a line. Trace events go to a file, because
 * a pipe that nobody drains in time would stop QEMU.
 */
export class Qtest {
  readonly #process: ChildProcess;
  readonly #commands: Writable;
  readonly #waiting: Waiter[] = [];
  readonly #folder: string;
  readonly #trace: number;
  #traceRead = 0;
  #pending = '';
  #failure: Error | undefined;

  /**
   * @param program `qemu-system-x86_64`
   * @param argsFor the arguments but for the qtest options, given a folder that goes with the process
   */
  constructor(program: string, argsFor: (folder: string) => readonly string[]) {
    this.#folder = mkdtempSync(join(tmpdir(), 'ioasis-qemu-'));
    this.#trace = openSync(join(this.#folder, 'trace'), 'w+');
    this.#process = spawn(program, [...argsFor(this.#folder), '-qtest', 'stdio', '-qtest-log', 'none'], {
      stdio: ['pipe', 'pipe', this.#trace],
    });
    const { stdin, stdout } = this.#process;
    if (stdin === null || stdout === null) throw new Error(`${program} was started without pipes`);
    this.#commands = stdin;
    stdout.setEncoding('latin1');
    stdout.on('data', (text: string) => this.#receive(text));
    // What cannot be written any more fails with the process.
    stdin.on('error', () => undefined);
    this.#process.on('error', (error) => this.#fail(error));
    this.#process.on('exit', (code, signal) =>
      this.#fail(new Error(`${program} ended (${signal ?? `status ${code}`}): ${this.takeTrace().trim().slice(-400)}`)),
    );
  }

  /** Sends a command without waiting for those before. @returns what stands behind `OK` */
  send(command: string): Promise<string> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ command, resolve, reject });
      this.#commands.write(`${command}\n`);
    });
  }

  /** Sends a command whose answer says nothing. A failure reaches whoever asks next. */
  post(command: string): void {
    this.send(command).catch(() => undefined);
  }

  /** What QEMU traced since the last call. */
  takeTrace(): string {
    let text = '';
    for (;;) {
      const chunk = new Uint8Array(TRACE_CHUNK);
      const bytes = readSync(this.#trace, chunk, 0, TRACE_CHUNK, this.#traceRead);
      if (bytes === 0) return text;
      this.#traceRead += bytes;
      text += new TextDecoder('latin1').decode(chunk.subarray(0, bytes));
    }
  }

  /** Ends QEMU and removes its files. */
  async close(): Promise<void> {
    if (this.#process.exitCode === null && this.#failure === undefined) {
      const ended = new Promise((resolve) => this.#process.once('exit', resolve));
      this.#process.kill('SIGKILL');
      await ended;
    }
    closeSync(this.#trace);
    rmSync(this.#folder, { recursive: true });
  }

  #receive(text: string): void {
    const lines = (this.#pending + text).split('\n');
    this.#pending = lines.pop() ?? '';
    for (const line of lines) {
      if (line.startsWith('IRQ')) continue;
      const waiter = this.#waiting.shift();
      if (line.startsWith('OK')) waiter?.resolve(line.slice(3).trim());
      else waiter?.reject(new Error(`QEMU answers "${line}" to "${waiter.command}"`));
    }
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#waiting.splice(0)) reject(this.#failure);
  }
}
