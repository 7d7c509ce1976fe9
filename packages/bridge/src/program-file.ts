import { accessSync, constants, closeSync, openSync, readSync } from 'node:fs';
import { Buffer } from 'node:buffer';
import { join } from 'node:path';

const ELF_MAGIC = 0x464c_457f;
const CLASS_64 = 2;
/** Offsets in an ELF64 header, and the program header type that names the dynamic loader. */
const ELF = { CLASS: 4, PROGRAM_HEADERS: 0x20, ENTRY_BYTES: 0x36, ENTRIES: 0x38 } as const;
const PT_INTERP = 3;

/** The file that a command runs, found as a shell finds it; undefined: there is none. */
export function findProgram(command: string, path: string = process.env['PATH'] ?? ''): string | undefined {
  const candidates = command.includes('/') ? [command] : path.split(':').map((folder) => join(folder, command));
  return candidates.find(isExecutable);
}

/** Why a preload library cannot serve a program: undefined when it can, or when the file is a script. */
export function whyNotServed(file: string): string | undefined {
  const descriptor = openSync(file, 'r');
  try {
    return judge((bytes, position) => {
      const into = Buffer.alloc(bytes);
      readSync(descriptor, into, 0, bytes, position);
      return into;
    });
  } finally {
    closeSync(descriptor);
  }
}

function judge(read: (bytes: number, position: number) => Buffer): string | undefined {
  const header = read(64, 0);
  if (header.readUInt32LE(0) !== ELF_MAGIC) return undefined;
  if (header[ELF.CLASS] !== CLASS_64) return 'it is a 32-bit program';
  const at = Number(header.readBigUInt64LE(ELF.PROGRAM_HEADERS));
  const bytes = header.readUInt16LE(ELF.ENTRY_BYTES);
  for (let entry = 0; entry < header.readUInt16LE(ELF.ENTRIES); entry++) {
    if (read(4, at + entry * bytes).readUInt32LE(0) === PT_INTERP) return undefined;
  }
  return 'it is linked statically, so nothing can be loaded into it; link it dynamically';
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
