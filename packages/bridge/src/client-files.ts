import { PollEvent, type OpenFile } from '@ioasis/core';
import type { Socket } from 'node:net';

/** Who opened files. */
export interface FileOwner {
  /**
   * The last descriptor of a file is gone that was opened under a number.
   * @returns false: the number is another file's by now, and the file is still to be released
   */
  closeFile(fd: number, inode: bigint): boolean;
}

/** An open file of the model and the socket that programs hold for it. */
export interface ClientFile {
  readonly file: OpenFile;
  /** Who opened it, and under which number. */
  readonly owner: FileOwner;
  readonly fd: number;
  /** Path that it was opened by; undefined: a call on another file made it. */
  readonly path: string | undefined;
  /** The other end; null until the program connects it. */
  connection: Socket | null;
  /** Whether a byte lies in the socket that makes it readable. */
  announced: boolean;
}

/** Open files by the inode of the program's socket, which stays the same through dup, fork, exec and descriptor passing. */
export class ClientFiles {
  readonly #files = new Map<bigint, ClientFile>();

  get(inode: bigint): ClientFile | undefined {
    return this.#files.get(inode);
  }

  add(inode: bigint, entry: Pick<ClientFile, 'file' | 'owner' | 'fd' | 'path'>): void {
    this.#files.set(inode, { ...entry, connection: null, announced: false });
  }

  /**
   * The program's socket is connected.
   * @returns false: nobody waits for it
   */
  connect(inode: bigint, connection: Socket): boolean {
    const entry = this.#files.get(inode);
    if (entry === undefined || entry.connection !== null) return false;
    entry.connection = connection;
    connection.write(Uint8Array.of(1));
    // A file without poll is always ready: so is a socket whose other side will send nothing more.
    if (entry.file.poll === undefined) connection.end();
    return true;
  }

  /** The last descriptor is gone. */
  close(inode: bigint): void {
    const entry = this.#files.get(inode);
    if (entry === undefined) return;
    if (!entry.owner.closeFile(entry.fd, inode)) entry.file.release();
    this.#files.delete(inode);
    entry.connection?.destroy();
  }

  /** A process ends: files that it made and never connected go. */
  dropUnconnected(owner: FileOwner): void {
    for (const [inode, entry] of this.#files) if (entry.owner === owner && entry.connection === null) this.close(inode);
  }

  closeAll(): void {
    for (const inode of this.#files.keys()) this.close(inode);
  }

  /** Makes sockets readable whose files have become so. */
  announce(): void {
    for (const entry of this.#files.values()) {
      if (entry.announced || entry.connection === null || entry.file.poll === undefined) continue;
      if ((entry.file.poll() & PollEvent.IN) === 0) continue;
      entry.announced = true;
      entry.connection.write(Uint8Array.of(1));
    }
  }

  /** Whether a file was readable and no longer is; the byte that said so is then the program's to take away. */
  takeAnnouncement(inode: bigint): boolean {
    const entry = this.#files.get(inode);
    if (entry === undefined || !entry.announced || ((entry.file.poll?.() ?? 0) & PollEvent.IN) !== 0) return false;
    entry.announced = false;
    return true;
  }

  /** Whether some socket holds a byte that nobody took; its end comes later than that of others. */
  get hasAnnouncements(): boolean {
    for (const { announced } of this.#files.values()) if (announced) return true;
    return false;
  }
}
