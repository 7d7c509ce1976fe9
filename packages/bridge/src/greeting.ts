import { Buffer } from 'node:buffer';
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import type { Socket } from 'node:net';
import { belongsToRun } from './proc-status.js';
import { decodeHello, HELLO_BYTES, NONCE_BYTES, type Hello } from './wire.js';

/**
 * Finds out who connects. A program shows the run's secret and says which process it is; that it is this one it shows by putting a number, which
 * it gets only now, into that process's memory: a process that can do so needs no help of ours to read or write there.
 *
 * @param token secret of the run
 * @param admit told of a process of the run, once
 */
export function greet(connection: Socket, token: string, admit: (hello: Hello) => boolean): void {
  const nonce = randomBytes(NONCE_BYTES);
  let received: Buffer = Buffer.alloc(0);
  let hello: Hello | undefined;
  const take = (bytes: Buffer): void => {
    received = Buffer.concat([received, bytes]);
    if (received.length < (hello === undefined ? HELLO_BYTES : HELLO_BYTES + 1)) return;
    if (hello === undefined) {
      hello = decodeHello(received);
      if (received.length === HELLO_BYTES && isOfRun(hello, token)) connection.write(nonce);
      else connection.destroy();
      return;
    }
    connection.off('data', take);
    if (received.length > HELLO_BYTES + 1 || !holds(hello, nonce) || !admit(hello)) connection.destroy();
  };
  connection.on('data', take);
}

const isOfRun = ({ token, pid }: Hello, secret: string): boolean =>
  timingSafeEqual(token, Buffer.from(secret)) && belongsToRun(pid, process.pid, secret);

/** Whether a process has the number where it says. */
function holds({ pid, nonceAt }: Hello, nonce: Buffer): boolean {
  if (nonceAt > BigInt(Number.MAX_SAFE_INTEGER)) return false;
  try {
    const memory = openSync(`/proc/${pid}/mem`, 'r');
    try {
      const bytes = Buffer.alloc(NONCE_BYTES);
      return readSync(memory, bytes, 0, NONCE_BYTES, Number(nonceAt)) === NONCE_BYTES && timingSafeEqual(bytes, nonce);
    } finally {
      closeSync(memory);
    }
  } catch {
    return false;
  }
}
