import { Buffer } from 'node:buffer';

/*
 * What the preload library and the server say to each other, in the machine's (little-endian) byte order. The same numbers are in
 * native/wire.h.
 */

/** Bytes of the secret that opens a connection. */
export const TOKEN_BYTES = 32;

/** What a connection is for. */
export const ConnectionKind = { CONTROL: 1, FILE: 2 } as const;

/** First on every connection. */
export interface Hello {
  readonly token: Buffer;
  readonly kind: number;
  readonly pid: number;
  /** Inode of the connecting socket. */
  readonly inode: bigint;
  /** Where the process puts the number that it gets. */
  readonly nonceAt: bigint;
}

/** Bytes of a {@link Hello}. */
export const HELLO_BYTES: number = TOKEN_BYTES + 24;

/** Bytes of the number by which a process shows that it is the one it says. One byte of any value answers it. */
export const NONCE_BYTES = 16;

/** @param bytes at least {@link HELLO_BYTES} */
export function decodeHello(bytes: Buffer): Hello {
  return {
    token: bytes.subarray(0, TOKEN_BYTES),
    kind: bytes.readUInt32LE(TOKEN_BYTES),
    pid: bytes.readInt32LE(TOKEN_BYTES + 4),
    inode: bytes.readBigUInt64LE(TOKEN_BYTES + 8),
    nonceAt: bytes.readBigUInt64LE(TOKEN_BYTES + 16),
  };
}

/** What a request asks for. */
export const Op = {
  OPEN: 1,
  IOCTL: 2,
  READ: 3,
  WRITE: 4,
  PREAD: 5,
  PWRITE: 6,
  FORGET: 7,
  STATUS: 8,
  MOVED: 9,
} as const;

/** One call of a program. */
export interface Request {
  readonly op: number;
  readonly pathBytes: number;
  readonly fd: number;
  /** The descriptor that a new file gets; -1: there is none. */
  readonly newFd: number;
  readonly inode: bigint;
  readonly newInode: bigint;
  readonly a: bigint;
  readonly b: bigint;
  readonly c: bigint;
  /** The calling thread. */
  readonly task: number;
}

/** Bytes of a {@link Request} without its path. */
export const REQUEST_BYTES = 64;

/** Longest path, bytes. */
export const MOST_PATH_BYTES = 4096;

/** @param bytes at least {@link REQUEST_BYTES} */
export function decodeRequest(bytes: Buffer): Request {
  return {
    op: bytes.readUInt32LE(0),
    pathBytes: bytes.readUInt32LE(4),
    fd: bytes.readInt32LE(8),
    newFd: bytes.readInt32LE(12),
    inode: bytes.readBigUInt64LE(16),
    newInode: bytes.readBigUInt64LE(24),
    a: bytes.readBigUInt64LE(32),
    b: bytes.readBigUInt64LE(40),
    c: bytes.readBigUInt64LE(48),
    task: bytes.readInt32LE(56),
  };
}

/** What came of a call. */
export interface Reply {
  /** The call's value, or a negative errno. */
  readonly value: bigint;
  readonly newFile: boolean;
  readonly drain: boolean;
  readonly pinned: boolean;
  /** Descriptors of eventfds to signal. */
  readonly signals: readonly number[];
}

/** Bytes of a {@link Reply} without signals. */
const REPLY_BYTES = 16;

/** A {@link Reply} as it is sent. */
export function encodeReply({ value, newFile, drain, pinned, signals }: Reply): Buffer {
  const bytes = Buffer.alloc(REPLY_BYTES + 4 * signals.length);
  bytes.writeBigInt64LE(value, 0);
  bytes.writeUInt32LE((newFile ? 1 : 0) | (drain ? 2 : 0) | (pinned ? 4 : 0), 8);
  bytes.writeUInt32LE(signals.length, 12);
  signals.forEach((fd, at) => bytes.writeInt32LE(fd, REPLY_BYTES + 4 * at));
  return bytes;
}
