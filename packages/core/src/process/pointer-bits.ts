/** Width of a program's pointers. */
export type PointerBits = 32 | 64;

/** End of the address space of a 32-bit program on a 64-bit x86 kernel, bytes. */
export const TASK_SIZE_32 = 0xffff_e000n;
