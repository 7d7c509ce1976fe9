/**
 * The lines that recorder.c reads, one a step: its number, a letter, words. Descriptors go by the order in which a scenario first
 * names them.
 */
export function scriptOf(steps) {
  let names = new Map();
  const nameOf = (name) => {
    if (!names.has(name)) names.set(name, names.size);
    return names.get(name);
  };
  return steps
    .map((step) => {
      if (step.op === 'begin') names = new Map();
      return `${[step.seq, ...words(step, nameOf)].join(' ')}\n`;
    })
    .join('');
}

const bytesOf = (hex) => (hex === '' ? '-' : hex);

function words(step, nameOf) {
  switch (step.op) {
    case 'begin':
      return ['B', '-'];
    case 'open':
      return ['o', nameOf(step.fd), step.path];
    case 'close':
      return ['c', nameOf(step.fd)];
    case 'mmap':
      return ['m', step.addr, step.len, bytesOf(step.prot), step.kind, step.off];
    case 'munmap':
      return ['u', step.addr, step.len];
    case 'mprotect':
      return ['t', step.addr, step.len, bytesOf(step.prot)];
    case 'pattern':
      return ['p', step.addr, step.len, step.seed];
    case 'poke':
      return ['k', step.addr, bytesOf(step.data)];
    case 'peek':
      return ['g', step.addr, step.data.length / 2];
    case 'ioctl':
      return ioctlWords(step, nameOf);
    case 'read':
      return ['r', nameOf(step.fd), step.addr, step.len];
    case 'write':
      return ['w', nameOf(step.fd), step.addr, step.len, bytesOf(step.in)];
    case 'poll':
      return ['s', nameOf(step.fd)];
    case 'rlimit':
      return ['l', step.memlock];
    case 'caps':
      return ['q', bytesOf(step.dropped.replaceAll(/[ |]+/gu, ','))];
    case 'dma':
      return ['d', nameOf(step.fd), step.dir, step.iova, step.devoff, step.len];
    case 'config':
      return ['f', nameOf(step.fd), step.off, step.data.length / 2];
    default:
      return ['-'];
  }
}

function ioctlWords(step, nameOf) {
  const fd = nameOf(step.fd);
  const made = step.newfd === undefined ? [-1, -1] : [nameOf(step.newfd.name), step.newfd.off];
  if (step.arg === undefined) return ['n', fd, step.nr, step.argval, ...made];
  const bufs = step.bufs ?? [];
  const more = bufs.flatMap(({ addr, len, in: before }) => [addr, len, bytesOf(before)]);
  return ['i', fd, step.nr, step.arg, step.len, bytesOf(step.in), ...made, bufs.length, ...more];
}
