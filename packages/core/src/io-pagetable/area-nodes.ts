import { INNER, LEAF, NONE } from './area-node-store.js';
import { AreaRooms } from './area-rooms.js';
import type { Area } from './area.js';

/** The changes of the area tree: entries in and out, nodes split and unlinked. */
export class AreaNodes extends AreaRooms {
  /** Puts an area at a position of a leaf, splitting the leaf when it is full. */
  insertAt(targetLeaf: number, targetPosition: number, area: Area): void {
    let leaf = targetLeaf;
    let position = targetPosition;
    if (this.leafCount[leaf] === LEAF) {
      // A split at the end keeps the old leaf full: ascending inserts pack the tree densely.
      const keep = position === LEAF ? LEAF : LEAF / 2;
      const right = this.splitLeaf(leaf, keep, area);
      // At position `keep` the area sorts before the right leaf's bound and stays left, unless nothing was moved.
      if (position > keep || keep === LEAF) {
        leaf = right;
        position -= keep;
      }
    }
    const base = leaf * LEAF;
    const count = this.leafCount[leaf]!;
    for (let i = base + count; i > base + position; i--) this.copyEntry(i - 1, i);
    const at = base + position;
    this.startPage[at] = area.startPage;
    this.startByte[at] = area.startByte;
    this.lastPage[at] = area.lastPage;
    this.lastByte[at] = area.lastByte;
    this.areas[at] = area;
    this.leafCount[leaf] = count + 1;
    this.roomsChanged(leaf, position);
  }

  /** Takes the area at a position out, and the leaf when it was the last one in it. */
  removeAt(leaf: number, position: number): void {
    const base = leaf * LEAF;
    const count = this.leafCount[leaf]! - 1;
    for (let i = base + position; i < base + count; i++) this.copyEntry(i + 1, i);
    this.areas[base + count] = null;
    this.leafCount[leaf] = count;
    this.roomsChanged(leaf, position);
    if (count === 0 && this.height > 0) this.unlinkLeaf(leaf);
  }

  private splitLeaf(leaf: number, keep: number, incoming: Area): number {
    const right = this.allocateLeaf();
    const moved = LEAF - keep;
    for (let i = 0; i < moved; i++) {
      this.copyEntry(leaf * LEAF + keep + i, right * LEAF + i);
      this.areas[leaf * LEAF + keep + i] = null;
    }
    this.leafCount[leaf] = keep;
    this.leafCount[right] = moved;
    const next = this.leafNext[leaf]!;
    this.leafNext[right] = next;
    this.leafPrevious[right] = leaf;
    this.leafNext[leaf] = right;
    if (next === NONE) this.tail = right;
    else this.leafPrevious[next] = right;
    this.forgetLeaf(leaf);
    this.forgetLeaf(right);
    const page = moved === 0 ? incoming.startPage : this.startPage[right * LEAF]!;
    const byte = moved === 0 ? incoming.startByte : this.startByte[right * LEAF]!;
    this.leafParent[right] = this.insertChild(this.leafParent[leaf]!, leaf, right, page, byte, 1);
    return right;
  }

  /**
   * Hangs `right` behind `left` into their parent, making a new root or splitting the parent as needed.
   * @returns the parent of `right`
   */
  private insertChild(
    parentOfLeft: number,
    left: number,
    right: number,
    page: number,
    byte: number,
    level: number,
  ): number {
    let parent = parentOfLeft;
    if (parent === NONE) {
      parent = this.allocateInner(level);
      this.child[parent * INNER] = left;
      this.boundPage[parent * INNER] = 0;
      this.boundByte[parent * INNER] = 0;
      this.innerCount[parent] = 1;
      this.setParent(left, parent, level);
      this.root = parent;
      this.height = level;
    }
    let position = this.indexOf(parent, left) + 1;
    if (this.innerCount[parent] === INNER) {
      const keep = position === INNER ? INNER : INNER / 2;
      const split = this.splitInner(parent, keep, page, byte);
      if (position > keep || keep === INNER) {
        parent = split;
        position -= keep;
      }
    }
    const base = parent * INNER;
    for (let i = base + this.innerCount[parent]!; i > base + position; i--) this.copyChild(i - 1, i);
    this.child[base + position] = right;
    this.boundPage[base + position] = page;
    this.boundByte[base + position] = byte;
    this.innerCount[parent] = this.innerCount[parent]! + 1;
    this.setParent(right, parent, level);
    this.forgetInner(parent);
    return parent;
  }

  private splitInner(node: number, keep: number, incomingPage: number, incomingByte: number): number {
    const level = this.innerLevel[node]!;
    const right = this.allocateInner(level);
    const moved = INNER - keep;
    for (let i = 0; i < moved; i++) {
      this.copyChild(node * INNER + keep + i, right * INNER + i);
      this.setParent(this.child[right * INNER + i]!, right, level);
    }
    this.innerCount[node] = keep;
    this.innerCount[right] = moved;
    this.forgetInner(node);
    const page = moved === 0 ? incomingPage : this.boundPage[right * INNER]!;
    const byte = moved === 0 ? incomingByte : this.boundByte[right * INNER]!;
    this.innerParent[right] = this.insertChild(this.innerParent[node]!, node, right, page, byte, level + 1);
    return right;
  }

  private unlinkLeaf(leaf: number): void {
    const previous = this.leafPrevious[leaf]!;
    const next = this.leafNext[leaf]!;
    if (previous === NONE) this.head = next;
    else this.leafNext[previous] = next;
    if (next === NONE) this.tail = previous;
    else this.leafPrevious[next] = previous;
    this.removeChild(this.leafParent[leaf]!, leaf);
    this.freeLeaves.push(leaf);
    this.lowerRoot();
  }

  private removeChild(node: number, child: number): void {
    const base = node * INNER;
    const count = this.innerCount[node]! - 1;
    for (let i = base + this.indexOf(node, child); i < base + count; i++) this.copyChild(i + 1, i);
    this.innerCount[node] = count;
    if (count === 0) {
      this.removeChild(this.innerParent[node]!, node);
      this.freeInners.push(node);
      return;
    }
    this.forgetInner(node);
  }

  private lowerRoot(): void {
    while (this.height > 0 && this.innerCount[this.root] === 1) {
      this.freeInners.push(this.root);
      this.root = this.child[this.root * INNER]!;
      this.setParent(this.root, NONE, this.height);
      this.height--;
    }
  }

  /** Faults in order, links and rooms; empty when the tree is sound. For tests. */
  check(size: number): string[] {
    const faults: string[] = [];
    let count = 0;
    let previous: Area | null = null;
    for (let leaf = this.head, before = NONE; leaf !== NONE; before = leaf, leaf = this.leafNext[leaf]!) {
      if (this.leafPrevious[leaf] !== before) faults.push(`leaf ${leaf} does not know the one in front of it`);
      if (this.leafNext[leaf] === NONE && leaf !== this.tail)
        faults.push(`leaf ${leaf} ends the list and is not the last`);
      faults.push(...this.checkLeafRooms(leaf));
      for (let i = 0; i < this.leafCount[leaf]!; i++, count++) {
        const area: Area | null = this.areas[leaf * LEAF + i]!;
        if (area === null) faults.push(`leaf ${leaf} has no area at ${i}`);
        else if (previous !== null && area.iova <= previous.last)
          faults.push(`area at ${area.iova} follows ${previous.last}`);
        previous = area;
      }
    }
    if (count !== size) faults.push(`${count} areas instead of ${size}`);
    if (this.height > 0) this.checkInner(this.root, this.height, faults);
    return faults;
  }

  private checkInner(node: number, level: number, faults: string[]): void {
    if (this.innerLevel[node] !== level) faults.push(`inner node ${node} is not of level ${level}`);
    faults.push(...this.checkInnerRooms(node));
    for (let i = 0; i < this.innerCount[node]!; i++) {
      const child = this.child[node * INNER + i]!;
      const parent = level === 1 ? this.leafParent[child] : this.innerParent[child];
      if (parent !== node) faults.push(`child ${child} of inner node ${node} has another parent`);
      if (level > 1) this.checkInner(child, level - 1, faults);
    }
  }
}
