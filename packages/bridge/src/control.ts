import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import { Errno, hex, VfioRequest, type IoResult, type Refusal } from '@ioasis/core';
import { isLeft, right } from 'fp-ts/lib/Either.js';
import { hideMmap } from './hide-mmap.js';
import type { Client, RunState } from './start-client.js';
import { decodeRequest, encodeReply, MOST_PATH_BYTES, Op, REQUEST_BYTES, type Request } from './wire.js';

/** The run that a connection belongs to, and who is told of refusals. */
export interface ControlContext extends RunState {
  readonly refused: (call: string, refusal: Refusal) => void;
}

/** The connection over which one process makes its calls, one after the other. */
export class Control {
  readonly #connection: Socket;
  readonly #client: Client;
  readonly #context: ControlContext;
  #received: Buffer = Buffer.alloc(0);
  #ended = false;

  constructor(connection: Socket, client: Client, context: ControlContext) {
    this.#connection = connection;
    this.#client = client;
    this.#context = context;
    connection.on('data', (bytes: Buffer) => this.#receive(bytes));
  }

  /** The process is gone, or executes another program. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    const { process, memory } = this.#client;
    this.#context.calls.count++;
    this.#context.files.dropUnconnected(process);
    process.exit();
    memory.close();
    this.#connection.destroy();
  }

  #receive(bytes: Buffer): void {
    this.#received = this.#received.length === 0 ? bytes : Buffer.concat([this.#received, bytes]);
    if (this.#received.length < REQUEST_BYTES) return;
    const request = decodeRequest(this.#received);
    const length = REQUEST_BYTES + request.pathBytes;
    if (request.pathBytes > MOST_PATH_BYTES || this.#received.length > length) {
      this.end();
      return;
    }
    if (this.#received.length < length) return;
    const path = this.#received.toString('utf8', REQUEST_BYTES, length);
    this.#received = Buffer.alloc(0);
    this.#afterCloses(() => this.#serve(request, path));
  }

  /**
   * A descriptor that was closed before this call was made is an end on another connection, which the event loop reports in the same turn: it comes
   * first. A connection in which a byte was left ends one turn later.
   */
  #afterCloses(serve: () => void): void {
    setImmediate(() => {
      if (this.#context.files.hasAnnouncements) setImmediate(serve);
      else serve();
    });
  }

  #serve(request: Request, path: string): void {
    if (this.#ended) return;
    const { process } = this.#client;
    const { calls, files, events, refused } = this.#context;
    calls.count++;
    const { result, newFile } = process.during(request, () => this.#perform(request, path));
    if (isLeft(result)) refused(callText(request, path), result.left);
    const value = isLeft(result) ? BigInt(-Errno[result.left.errno]) : BigInt(result.right);
    const drain = request.op === Op.READ && files.takeAnnouncement(request.inode);
    files.announce();
    const signals = events.take(process.osPid);
    this.#connection.write(encodeReply({ value, newFile, drain, pinned: process.client.hasPins, signals }));
  }

  #perform({ op, fd, a, b, c }: Request, path: string): IoResult<number> {
    const { process } = this.#client;
    switch (op) {
      case Op.OPEN:
        return process.open(path, Number(a));
      case Op.IOCTL:
        return this.#ioctl(fd, Number(a), b);
      case Op.READ:
        return process.read(fd, a, transferBytes(b));
      case Op.WRITE:
        return process.write(fd, a, transferBytes(b));
      case Op.PREAD:
        return process.pread(fd, a, transferBytes(b), c);
      case Op.PWRITE:
        return process.pwrite(fd, a, transferBytes(b), c);
      case Op.FORGET:
        process.client.detach(a, b);
        return right(0);
      case Op.MOVED:
        process.client.move(a, b, c);
        return right(0);
      case Op.STATUS:
        return right(process.deviceOfCall());
      default:
        return process.read(-1, 0n, 0);
    }
  }

  #ioctl(fd: number, request: number, argument: bigint): IoResult<number> {
    const { process } = this.#client;
    const result = process.ioctl(fd, request, argument);
    if (request === VfioRequest.DEVICE_GET_REGION_INFO && !isLeft(result)) hideMmap(process.client, argument);
    return result;
  }
}

/** Most that Linux moves in one call (MAX_RW_COUNT), bytes. */
const MOST_TRANSFER = 0x7fff_f000n;

const transferBytes = (asked: bigint): number => Number(asked < MOST_TRANSFER ? asked : MOST_TRANSFER);

const NAMES: Readonly<Record<number, string>> = {
  [Op.READ]: 'read',
  [Op.WRITE]: 'write',
  [Op.PREAD]: 'pread',
  [Op.PWRITE]: 'pwrite',
};

function callText({ op, fd, a, b }: Request, path: string): string {
  if (op === Op.OPEN) return `open("${path}")`;
  if (op === Op.IOCTL) return `ioctl(${fd}, ${hex(a)}, ${hex(b)})`;
  return `${NAMES[op] ?? `call ${op}`}(${fd}, ${hex(a)}, ${b})`;
}
