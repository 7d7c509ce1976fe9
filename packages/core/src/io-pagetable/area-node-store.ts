import type { Area } from './area.js';

/** Areas in a leaf. */
export const LEAF = 32;
/** Children of an inner node. */
export const INNER = 32;
/** No node. */
export const NONE = -1;

/** Node storage of the area tree: leaves and inner nodes as rows of typed arrays, and the searches for a key inside a node. */
export class AreaNodeStore {
  // Leaf entries, LEAF per leaf.
  startPage: Float64Array = new Float64Array(LEAF);
  startByte: Uint16Array = new Uint16Array(LEAF);
  lastPage: Float64Array = new Float64Array(LEAF);
  lastByte: Uint16Array = new Uint16Array(LEAF);
  readonly areas: (Area | null)[] = Array.from({ length: LEAF }, () => null);
  // One value per leaf.
  leafCount: Uint8Array = new Uint8Array(1);
  leafNext: Int32Array = new Int32Array([NONE]);
  leafPrevious: Int32Array = new Int32Array([NONE]);
  protected leafParent: Int32Array = new Int32Array([NONE]);
  protected leaves = 1;
  protected readonly freeLeaves: number[] = [];
  // Inner entries, INNER per node: child and the lower bound of its keys.
  child: Int32Array = new Int32Array(INNER);
  protected boundPage: Float64Array = new Float64Array(INNER);
  protected boundByte: Uint16Array = new Uint16Array(INNER);
  // One value per inner node. `innerLevel` 1: its children are leaves.
  protected innerCount: Uint8Array = new Uint8Array(1);
  protected innerLevel: Uint8Array = new Uint8Array(1);
  protected innerParent: Int32Array = new Int32Array(1);
  protected inners = 0;
  protected readonly freeInners: number[] = [];

  /** Root node: a leaf when {@link height} is 0. */
  root = 0;
  /** Levels of inner nodes. */
  height = 0;
  /** First and last leaf in order. */
  head = 0;
  tail = 0;

  /** Position of the last area in the leaf that starts at or before the key, or -1. */
  floorIn(leaf: number, page: number, byte: number): number {
    const base = leaf * LEAF;
    const pages = this.startPage;
    let low = 0;
    let high = this.leafCount[leaf]!;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = pages[base + middle]!;
      if (other < page || (other === page && this.startByte[base + middle]! <= byte)) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** Index of the child that may hold the key. */
  childFor(node: number, page: number, byte: number): number {
    const base = node * INNER;
    const pages = this.boundPage;
    let low = 1;
    let high = this.innerCount[node]!;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = pages[base + middle]!;
      if (other < page || (other === page && this.boundByte[base + middle]! <= byte)) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  protected indexOf(node: number, child: number): number {
    const base = node * INNER;
    let i = 0;
    while (this.child[base + i] !== child) i++;
    return i;
  }

  protected copyEntry(from: number, to: number): void {
    this.startPage[to] = this.startPage[from]!;
    this.startByte[to] = this.startByte[from]!;
    this.lastPage[to] = this.lastPage[from]!;
    this.lastByte[to] = this.lastByte[from]!;
    this.areas[to] = this.areas[from]!;
  }

  protected copyChild(from: number, to: number): void {
    this.child[to] = this.child[from]!;
    this.boundPage[to] = this.boundPage[from]!;
    this.boundByte[to] = this.boundByte[from]!;
  }

  protected setParent(child: number, parent: number, level: number): void {
    if (level === 1) this.leafParent[child] = parent;
    else this.innerParent[child] = parent;
  }

  protected allocateLeaf(): number {
    const free = this.freeLeaves.pop();
    if (free !== undefined) return free;
    const leaf = this.leaves++;
    if (leaf === this.leafCount.length) {
      const rows = leaf * 2;
      this.startPage = grown(this.startPage, new Float64Array(rows * LEAF));
      this.startByte = grown(this.startByte, new Uint16Array(rows * LEAF));
      this.lastPage = grown(this.lastPage, new Float64Array(rows * LEAF));
      this.lastByte = grown(this.lastByte, new Uint16Array(rows * LEAF));
      this.leafCount = grown(this.leafCount, new Uint8Array(rows));
      this.leafNext = grown(this.leafNext, new Int32Array(rows));
      this.leafPrevious = grown(this.leafPrevious, new Int32Array(rows));
      this.leafParent = grown(this.leafParent, new Int32Array(rows));
    }
    for (let i = 0; i < LEAF; i++) this.areas.push(null);
    return leaf;
  }

  protected allocateInner(level: number): number {
    let node = this.freeInners.pop();
    if (node === undefined) {
      node = this.inners++;
      if (node === this.innerCount.length) {
        const rows = node * 2;
        this.child = grown(this.child, new Int32Array(rows * INNER));
        this.boundPage = grown(this.boundPage, new Float64Array(rows * INNER));
        this.boundByte = grown(this.boundByte, new Uint16Array(rows * INNER));
        this.innerCount = grown(this.innerCount, new Uint8Array(rows));
        this.innerLevel = grown(this.innerLevel, new Uint8Array(rows));
        this.innerParent = grown(this.innerParent, new Int32Array(rows));
      }
    }
    this.innerCount[node] = 0;
    this.innerLevel[node] = level;
    this.innerParent[node] = NONE;
    return node;
  }
}

/** `to`, with the contents of `from` at its start. */
export function grown<A extends Float64Array | Uint16Array | Uint8Array | Int32Array>(from: A, to: A): A {
  to.set(from);
  return to;
}
