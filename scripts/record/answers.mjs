import { Buffer } from 'node:buffer';
import { constants } from 'node:os';

/** Linux's errors by number: those that Node knows, and those of the mock device and of drivers that it does not. */
const ERRNO = new Map([
  ...Object.entries(constants.errno).map(([name, number]) => [number, name]),
  [52, 'EBADE'],
  [77, 'EBADFD'],
  [524, 'ENOTSUPP'],
]);

/**
 * What recorder.c printed: answers by step number, and problems.
 * @param {string} text output of the serial line, the kernel's own lines among it
 */
export function answersOf(text) {
  const start = text.indexOf('\n> begin\n');
  const problems = [];
  if (start < 0) problems.push('the recorder did not start');
  else if (!text.includes('\n> end\n')) problems.push('the recorder did not end');
  const answers = new Map();
  for (const line of start < 0 ? [] : text.slice(start).split('\n')) {
    if (line.startsWith('! ')) problems.push(line.slice(2));
    const found = /^(\d+) (-?\d+) (\d+)((?: \S+)*)$/u.exec(line);
    if (found === null) continue;
    const [, seq, ret, errno, shown] = found;
    const words = shown === '' ? [] : shown.slice(1).split(' ');
    answers.set(Number(seq), {
      ret: Number(ret),
      errno: Number(errno),
      shown: words.map((word) => (word === '-' ? '' : word)),
    });
  }
  return { answers, problems, kernel: /Linux version (\S+)/u.exec(text)?.[1] };
}

/** The step with the kernel's answer in place of the one that it has. */
export function answered(step, { ret, errno, shown }) {
  const result = ret < 0 ? { ret: -1, errno: ERRNO.get(errno) ?? String(errno) } : { ret, errno: null };
  switch (step.op) {
    case 'open': {
      const { fdnum: _, ...rest } = step;
      return ret < 0 ? { ...rest, ...result } : { ...rest, fdnum: ret, ret: 0, errno: null };
    }
    case 'ioctl':
      return answeredIoctl(step, result, shown);
    case 'peek':
    case 'config':
      return { ...step, data: shown[0] ?? '' };
    case 'read':
      return { ...step, ...result, out: shown[0] };
    case 'poll':
      return { ...step, ...result, revents: Number(shown[0]) };
    case 'close':
    case 'mmap':
    case 'munmap':
    case 'mprotect':
    case 'write':
    case 'rlimit':
    case 'caps':
      return { ...step, ...result };
    default:
      return step;
  }
}

function answeredIoctl({ newfd, ...step }, result, [block, ...others]) {
  const made =
    newfd === undefined || result.ret < 0 ? {} : { newfd: { ...newfd, fdnum: numberMade(newfd, result, block) } };
  if (step.arg === undefined) return { ...step, ...result, ...made };
  const called = { ...step, ...result, out: orSame(block, step.in), ...made };
  if (step.bufs === undefined) return called;
  return { ...called, bufs: step.bufs.map((buffer, at) => ({ ...buffer, out: orSame(others[at], buffer.in) })) };
}

const orSame = (out, before) => (out === before ? '=' : out);
const numberMade = ({ off }, { ret }, block) => (off === -1 ? ret : Buffer.from(block, 'hex').readInt32LE(off));
