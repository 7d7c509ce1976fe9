import { accessSync, constants, closeSync, fstatSync, openSync, readSync, statSync, type Stats } from 'node:fs';
import { Buffer } from 'node:buffer';
import { join } from 'node:path';

const ELF_MAGIC = 0x464c_457f;
const CLASS_64 = 2;
/** Offsets in an ELF64 header, and the program header type that names the dynamic loader. */
const ELF = { CLASS: 4, PROGRAM_HEADERS: 0x20, ENTRY_BYTES: 0x36, ENTRIES: 0x38 } as const;
const PT_INTERP = 3;
/** `#!` and the interpreter's path, in the bytes that Linux looks at (BINPRM_BUF_SIZE). */
const SCRIPT = /^#![ \t]*([^ \t\n]+)/;
const HEAD_BYTES = 256;
/** Mode bits (inode(7)). */
const SET_UID = 0o4000;
const SET_GID = 0o2000;
/** Scripts whose interpreters are scripts: as many as Linux follows. */
const MOST_SCRIPTS = 5;

/** The file that a command runs, found as a shell finds it; undefined: there is none. */
export function findProgram(command: string, path: string = process.env['PATH'] ?? ''): string | undefined {
  const candidates = command.includes('/') ? [command] : path.split(':').map((folder) => join(folder, command));
  return candidates.find(isExecutable);
}

/** Why {@link findProgram} finds nothing. */
export function whyNotFound(command: string): string {
  const file = command.includes('/') ? statSync(command, { throwIfNoEntry: false }) : undefined;
  if (file === undefined) return `there is no program ${command}`;
  return file.isFile()
    ? `${command} may not be executed: its mode has no x`
    : `${command} is no program but a folder or device`;
}

/** Why a preload library cannot serve a program, or the interpreter of a script; undefined when it can. */
export function whyNotServed(file: string): string | undefined {
  let program = file;
  for (let scripts = 0; scripts < MOST_SCRIPTS; scripts++) {
    const looked = look(program);
    if (looked.reason !== undefined)
      return program === file ? looked.reason : `its interpreter is ${program}: ${looked.reason}`;
    if (looked.interpreter === undefined) return undefined;
    program = looked.interpreter;
  }
  return undefined;
}

interface Looked {
  readonly reason?: string | undefined;
  readonly interpreter?: string | undefined;
}

function look(file: string): Looked {
  let descriptor: number;
  try {
    descriptor = openSync(file, 'r');
  } catch {
    // A program that may be executed and not read, or an interpreter that is not there: the system says it.
    return {};
  }
  try {
    const read: Reader = (bytes, position) => {
      const into = Buffer.alloc(bytes);
      readSync(descriptor, into, 0, bytes, position);
      return into;
    };
    const head = read(HEAD_BYTES, 0);
    const interpreter = SCRIPT.exec(head.toString('latin1'))?.[1];
    if (interpreter !== undefined) return { interpreter };
    return { reason: whyNotLoaded(head, read) ?? whyPrivileged(fstatSync(descriptor)) };
  } finally {
    closeSync(descriptor);
  }
}

type Reader = (bytes: number, position: number) => Buffer;

function whyNotLoaded(head: Buffer, read: Reader): string | undefined {
  if (head.readUInt32LE(0) !== ELF_MAGIC) return undefined;
  if (head[ELF.CLASS] !== CLASS_64) return 'it is a 32-bit program; build it for 64 bits';
  const at = Number(head.readBigUInt64LE(ELF.PROGRAM_HEADERS));
  const bytes = head.readUInt16LE(ELF.ENTRY_BYTES);
  for (let entry = 0; entry < head.readUInt16LE(ELF.ENTRIES); entry++) {
    if (read(4, at + entry * bytes).readUInt32LE(0) === PT_INTERP) return undefined;
  }
  return 'it is linked statically, so nothing can be loaded into it; link it dynamically';
}

/** ld.so(8): a program that gets rights by being executed is loaded without LD_PRELOAD. */
function whyPrivileged({ mode, uid, gid }: Stats): string | undefined {
  const getsUser = (mode & SET_UID) !== 0 && uid !== process.geteuid?.();
  const getsGroup = (mode & SET_GID) !== 0 && (mode & constants.S_IXGRP) !== 0 && gid !== process.getegid?.();
  if (!getsUser && !getsGroup) return undefined;
  return 'it runs as another user or group (set-uid), so the system loads nothing into it; run a copy without that bit';
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
