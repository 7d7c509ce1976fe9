/**
 * A range `[firstIndex, lastIndex]` of page indexes that can sit in an {@link IntervalTree}. The other fields belong to the tree.
 */
export abstract class IndexInterval {
  /** Inclusive, page indexes. */
  abstract readonly firstIndex: number;
  abstract readonly lastIndex: number;
  /** Order of insertion: tells equal ranges apart and feeds the priority. */
  sequence = 0;
  priority = 0;
  /** Highest lastIndex of the subtree. */
  subtreeLast = 0;
  left: this | null = null;
  right: this | null = null;
}

/**
 * Ranges of page indexes, overlaps allowed, as a treap with subtree maxima (what Linux keeps in an interval tree). Priorities come from
 * a scrambled count, so two runs build the same tree.
 */
export class IntervalTree<N extends IndexInterval> {
  private root: N | null = null;
  private inserted = 0;

  get empty(): boolean {
    return this.root === null;
  }

  insert(node: N): void {
    node.sequence = ++this.inserted;
    node.priority = scramble(node.sequence);
    node.left = null;
    node.right = null;
    node.subtreeLast = node.lastIndex;
    this.root = this.root === null ? node : insertBelow(this.root, node);
  }

  /** Takes a node out; it must be in this tree. */
  remove(node: N): void {
    this.root = removeBelow(this.root, node);
    node.left = null;
    node.right = null;
  }

  /** The range with the lowest first index that shares an index with `[first, last]`. */
  firstIn(first: number, last: number): N | null {
    let node = this.root;
    if (node === null || node.subtreeLast < first) return null;
    while (node !== null) {
      const left: N | null = node.left;
      if (left !== null && left.subtreeLast >= first) {
        node = left;
        continue;
      }
      if (node.firstIndex > last) return null;
      if (node.lastIndex >= first) return node;
      node = node.right;
    }
    return null;
  }

  /** Lowest first index above `index`, or Infinity. */
  firstIndexAfter(index: number): number {
    let best = Infinity;
    let node = this.root;
    while (node !== null) {
      if (node.firstIndex > index) {
        best = node.firstIndex;
        node = node.left;
      } else node = node.right;
    }
    return best;
  }

  /** The range that is exactly `[first, last]`. */
  exact(first: number, last: number): N | null {
    let node = this.root;
    while (node !== null) {
      const order = node.firstIndex - first;
      if (order === 0) return exactAmongEqual(node, first, last);
      node = order > 0 ? node.left : node.right;
    }
    return null;
  }

  /** Every range, by first index. */
  forEach(visit: (node: N) => void): void {
    walk(this.root, visit);
  }
}

/** Ranges with one first index are neighbours in order, so they share a subtree whose top is the first one met on the way down. */
function exactAmongEqual<N extends IndexInterval>(node: N | null, first: number, last: number): N | null {
  if (node === null || node.subtreeLast < last) return null;
  if (node.firstIndex > first) return exactAmongEqual(node.left, first, last);
  if (node.firstIndex < first) return exactAmongEqual(node.right, first, last);
  if (node.lastIndex === last) return node;
  return exactAmongEqual(node.left, first, last) ?? exactAmongEqual(node.right, first, last);
}

function walk<N extends IndexInterval>(node: N | null, visit: (node: N) => void): void {
  if (node === null) return;
  walk(node.left, visit);
  visit(node);
  walk(node.right, visit);
}

/** A bijection on 32 bits (the finalizer of MurmurHash3), so that counted priorities look random and never collide. */
function scramble(count: number): number {
  let value = count;
  value = Math.imul(value ^ (value >>> 16), 0x85eb_ca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2_ae35);
  return (value ^ (value >>> 16)) >>> 0;
}

function isBefore(a: IndexInterval, b: IndexInterval): boolean {
  return a.firstIndex !== b.firstIndex ? a.firstIndex < b.firstIndex : a.sequence < b.sequence;
}

function update(node: IndexInterval): void {
  let last = node.lastIndex;
  if (node.left !== null && node.left.subtreeLast > last) last = node.left.subtreeLast;
  if (node.right !== null && node.right.subtreeLast > last) last = node.right.subtreeLast;
  node.subtreeLast = last;
}

function insertBelow<N extends IndexInterval>(root: N, node: N): N {
  if (isBefore(node, root)) {
    const left: N = root.left === null ? node : insertBelow(root.left, node);
    root.left = left;
    if (left.priority > root.priority) {
      root.left = left.right;
      left.right = root;
      update(root);
      update(left);
      return left;
    }
  } else {
    const right: N = root.right === null ? node : insertBelow(root.right, node);
    root.right = right;
    if (right.priority > root.priority) {
      root.right = right.left;
      right.left = root;
      update(root);
      update(right);
      return right;
    }
  }
  update(root);
  return root;
}

function removeBelow<N extends IndexInterval>(root: N | null, node: N): N | null {
  if (root === null) throw new Error('the interval is not in this tree');
  if (root === node) return join<N>(root.left, root.right);
  if (isBefore(node, root)) root.left = removeBelow(root.left, node);
  else root.right = removeBelow(root.right, node);
  update(root);
  return root;
}

function join<N extends IndexInterval>(left: N | null, right: N | null): N | null {
  if (left === null) return right;
  if (right === null) return left;
  if (left.priority > right.priority) {
    left.right = join<N>(left.right, right);
    update(left);
    return left;
  }
  right.left = join<N>(left, right.left);
  update(right);
  return right;
}
