/**
 * Symbolic errno values of Linux (asm-generic), the only ones an ioctl of this library answers with.
 *
 * EDEADLOCK is the same number as EDEADLK and therefore not a second entry.
 */
export const Errno = {
  EPERM: 1,
  ENOENT: 2,
  EINTR: 4,
  EIO: 5,
  ENXIO: 6,
  E2BIG: 7,
  EBADF: 9,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EFAULT: 14,
  EBUSY: 16,
  EEXIST: 17,
  ENODEV: 19,
  EINVAL: 22,
  EMFILE: 24,
  ENOTTY: 25,
  ENOSPC: 28,
  ESPIPE: 29,
  ERANGE: 34,
  EDEADLK: 35,
  EBADE: 52,
  EOVERFLOW: 75,
  EBADFD: 77,
  EMSGSIZE: 90,
  EOPNOTSUPP: 95,
  EADDRINUSE: 98,
  ETIMEDOUT: 110,
} as const;

/** Name of an errno, as traces and refusals spell it. */
export type ErrnoName = keyof typeof Errno;

/** Number of an errno; hot paths that must not build a value return `0` or one of these. */
export type ErrnoNumber = (typeof Errno)[ErrnoName];

const names = new Map<number, ErrnoName>(
  (Object.entries(Errno) as [ErrnoName, number][]).map(([name, number]) => [number, name]),
);

/** The name of an errno number; a number outside the table is a bug of the caller. */
export function errnoName(number: number): ErrnoName {
  const name = names.get(number);
  if (name === undefined) throw new RangeError(`errno ${number} is not one that this library answers with`);
  return name;
}
