import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Buffer } from 'node:buffer';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BridgeServer } from '../src/index.js';
import { machineWithEdu } from './native.js';

/** A hello as native/wire.h has it. */
function hello(token: string, kind: number, pid: number, inode = 1n): Buffer {
  const bytes = Buffer.alloc(48);
  bytes.write(token, 0, 'latin1');
  bytes.writeUInt32LE(kind, 32);
  bytes.writeInt32LE(pid, 36);
  bytes.writeBigUInt64LE(inode, 40);
  return bytes;
}

describe.skipIf(process.platform !== 'linux')('the server', () => {
  let folder: string;
  let server: BridgeServer;
  let path: string;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'ioasis-test-'));
    path = join(folder, 'socket');
    server = new BridgeServer(machineWithEdu());
    await server.listen(path);
  });
  afterEach(() => {
    server.close();
    rmSync(folder, { recursive: true });
  });

  const connection = async (): Promise<Socket> => {
    const socket = connect(path);
    await once(socket, 'connect');
    return socket;
  };
  /** Whether the server hung up without a word. */
  const hungUp = async (bytes: Buffer): Promise<boolean> => {
    const socket = await connection();
    let answered = false;
    socket.on('data', () => (answered = true)).on('error', () => undefined);
    socket.write(bytes);
    await once(socket, 'close');
    return !answered;
  };

  it('hangs up on a wrong secret', async () => {
    expect(await hungUp(hello('0'.repeat(32), 1, process.pid))).toBe(true);
  });

  it('hangs up on a process that is not of this run', async () => {
    expect(await hungUp(hello(server.token, 1, 1))).toBe(true);
    expect(await hungUp(hello(server.token, 1, -1))).toBe(true);
  });

  it('hangs up on a kind of connection that there is not, and on a file that nobody opened', async () => {
    expect(await hungUp(hello(server.token, 3, process.pid))).toBe(true);
    expect(await hungUp(hello(server.token, 2, process.pid, 77n))).toBe(true);
  });

  it('ends a connection that sends more than a call, or a path that is too long', async () => {
    for (const pathBytes of [0, 5000]) {
      const socket = await connection();
      socket.on('error', () => undefined).resume();
      socket.write(hello(server.token, 1, process.pid));
      await once(socket, 'data');
      const request = Buffer.alloc(64 + 8);
      request.writeUInt32LE(1, 0);
      request.writeUInt32LE(pathBytes, 4);
      socket.write(request);
      await once(socket, 'close');
      expect(socket.destroyed).toBe(true);
    }
  });

  it('refuses a new file whose descriptor is not the socket that it is said to be', async () => {
    const socket = await connection();
    socket.write(hello(server.token, 1, process.pid));
    await once(socket, 'data');
    const request = Buffer.alloc(64);
    request.writeUInt32LE(1, 0);
    request.writeUInt32LE('/dev/iommu'.length, 4);
    request.writeInt32LE(0, 12);
    request.writeBigUInt64LE(123n, 24);
    socket.write(Buffer.concat([request, Buffer.from('/dev/iommu')]));
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.readBigInt64LE(0)).toBe(-24n);
    socket.destroy();
  });
});
