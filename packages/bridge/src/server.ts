import { randomBytes } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import type { Machine } from '@ioasis/core';
import { ClientEvents } from './client-events.js';
import { ClientFiles } from './client-files.js';
import { Control } from './control.js';
import type { RefusalListener, ServerOptions } from './server-options.js';
import { SharedPages } from './shared-pages.js';
import { greet } from './greeting.js';
import { startClient, type RunState } from './start-client.js';
import { ConnectionKind, encodeReply, TOKEN_BYTES, type Hello } from './wire.js';

/** Serves one machine to any number of processes, over a socket that only they know. */
export class BridgeServer {
  /** What a program shows to be served: 32 characters. */
  readonly token: string = randomBytes(TOKEN_BYTES / 2).toString('hex');
  readonly #machine: Machine;
  readonly #refused: RefusalListener;
  readonly #options: ServerOptions;
  readonly #run: RunState = {
    files: new ClientFiles(),
    events: new ClientEvents(),
    calls: { count: 0 },
    shared: new SharedPages(),
  };
  readonly #connections = new Set<Socket>();
  readonly #controls = new Set<Control>();
  readonly #server: Server;

  constructor(machine: Machine, options: ServerOptions = {}) {
    this.#machine = machine;
    this.#refused = options.refused ?? ((): void => undefined);
    this.#options = options;
    this.#server = createServer({ allowHalfOpen: true }, (connection) => this.#meet(connection));
  }

  /** Starts to serve at a path, which is in a folder that nobody else can enter. */
  listen(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(path, resolve);
    });
  }

  /** Ends all connections: programs that still run get EIO. */
  close(): void {
    this.#server.close();
    this.#run.files.closeAll();
    for (const control of this.#controls) control.end();
    for (const connection of this.#connections) connection.destroy();
  }

  #meet(connection: Socket): void {
    this.#connections.add(connection);
    connection.on('close', () => this.#connections.delete(connection));
    // A reset is an end; 'close' follows.
    connection.on('error', () => undefined);
    greet(connection, this.token, (hello) => this.#admit(hello, connection));
    connection.once('end', () => connection.end());
  }

  #admit(hello: Hello, connection: Socket): boolean {
    if (hello.kind === ConnectionKind.CONTROL) return this.#addControl(hello, connection);
    if (hello.kind !== ConnectionKind.FILE) return false;
    if (!this.#run.files.connect(hello.inode, connection)) return false;
    const gone = (): void => this.#run.files.close(hello.inode);
    connection.once('end', gone).once('close', gone).resume();
    return true;
  }

  #addControl(hello: Hello, connection: Socket): boolean {
    const client = startClient(this.#machine, hello.pid, this.#run, this.#options);
    if (client === undefined) return false;
    const control = new Control(connection, client, {
      ...this.#run,
      refused: (call, refusal) => this.#refused(hello.pid, call, refusal),
    });
    this.#controls.add(control);
    const gone = (): void => {
      this.#controls.delete(control);
      control.end();
    };
    connection.once('end', gone).once('close', gone);
    connection.write(encodeReply({ value: 0n, newFile: false, drain: false, pinned: false, signals: [] }));
    return true;
  }
}
