import { INNER, LEAF, NONE } from './area-node-store.js';
import { AreaNodes } from './area-nodes.js';
import type { Area } from './area.js';
import type { HoleTest } from './hole-test.js';
import { KEY_BYTES } from './iova-key.js';

/**
 * The areas of one IOAS in order of IOVA: a B+tree on typed arrays. Areas never overlap (the caller checks), ranges are inclusive and
 * exact to the byte, and every node knows the widest hole in front of one of its areas, so that looking for a free IOVA skips whole
 * subtrees (Linux 6.12 walks all areas).
 *
 * A node that runs empty is taken out; half-empty neighbours are not merged, which keeps removal short and costs nothing in the
 * map-and-unmap patterns that drivers show.
 */
export class AreaTree {
  private readonly nodes: AreaNodes = new AreaNodes();
  /** Where the last {@link floor} ended: leaf and position; position -1 in front of everything. */
  private leaf = 0;
  private position = -1;

  /** Number of areas. */
  size = 0;

  /** Adds an area; nothing may intersect it. */
  insert(area: Area): void {
    const nodes = this.nodes;
    const at = this.placeOf(area.startPage, area.startByte);
    nodes.insertAt(this.leaf, at, area);
    this.size++;
  }

  /** Takes an area out; it must be in the tree. */
  remove(area: Area): void {
    if (!this.floor(area.startPage, area.startByte) || this.nodes.areas[this.leaf * LEAF + this.position] !== area) {
      throw new Error('the area is not in this tree');
    }
    this.nodes.removeAt(this.leaf, this.position);
    this.size--;
  }

  /** Lowest area that shares a byte with `[start, last]`; null when none does. */
  firstIn(startPage: number, startByte: number, lastPage: number, lastByte: number): Area | null {
    const nodes = this.nodes;
    if (this.floor(startPage, startByte)) {
      const at = this.leaf * LEAF + this.position;
      const endPage = nodes.lastPage[at]!;
      if (endPage > startPage || (endPage === startPage && nodes.lastByte[at]! >= startByte)) return nodes.areas[at]!;
    }
    if (!this.step()) return null;
    const at = this.leaf * LEAF + this.position;
    const page = nodes.startPage[at]!;
    return page < lastPage || (page === lastPage && nodes.startByte[at]! <= lastByte) ? nodes.areas[at]! : null;
  }

  /** Calls `visit` in order of IOVA until it returns false. The tree must not change meanwhile. */
  forEach(visit: (area: Area) => boolean | void): void {
    const nodes = this.nodes;
    for (let leaf = nodes.head; leaf !== NONE; leaf = nodes.leafNext[leaf]!) {
      const count = nodes.leafCount[leaf]!;
      for (let i = 0; i < count; i++) if (visit(nodes.areas[leaf * LEAF + i]!) === false) return;
    }
  }

  /**
   * First-fit: offers the holes between areas that meet the window `[start, last]`, cut to it and in ascending order, to `test` until
   * it accepts one. Holes narrower than `test.length` are not offered.
   */
  firstHole(startPage: number, startByte: number, lastPage: number, lastByte: number, test: HoleTest): boolean {
    const nodes = this.nodes;
    const { startPage: pages, startByte: bytes, lastPage: lastPages, lastByte: lastBytes } = nodes;
    let holePage = startPage;
    let holeByte = startByte;
    let more: boolean;
    if (this.floor(startPage, startByte)) {
      const at = this.leaf * LEAF + this.position;
      const endPage = lastPages[at]!;
      if (endPage > startPage || (endPage === startPage && lastBytes[at]! >= startByte)) {
        holePage = endPage;
        holeByte = lastBytes[at]! + 1;
      }
    }
    more = this.step();
    for (;;) {
      if (holeByte === KEY_BYTES) {
        holePage++;
        holeByte = 0;
      }
      if (holePage > lastPage || (holePage === lastPage && holeByte > lastByte)) return false;
      if (!more) return test.fits(holePage, holeByte, lastPage, lastByte);
      const at = this.leaf * LEAF + this.position;
      const page = pages[at]!;
      const byte = bytes[at]!;
      if (page > lastPage || (page === lastPage && byte > lastByte))
        return test.fits(holePage, holeByte, lastPage, lastByte);
      const endPage = byte === 0 ? page - 1 : page;
      const endByte = byte === 0 ? KEY_BYTES - 1 : byte - 1;
      const empty = endPage < holePage || (endPage === holePage && endByte < holeByte);
      if (!empty && test.fits(holePage, holeByte, endPage, endByte)) return true;
      more = this.stepToRoom(test);
      // The hole in front of the area found starts behind its predecessor, or behind the very last area.
      const before = more ? this.beforeCurrent() : nodes.tail * LEAF + nodes.leafCount[nodes.tail]! - 1;
      holePage = lastPages[before]!;
      holeByte = lastBytes[before]! + 1;
    }
  }

  /** Faults in the tree's own order, links and maxima; empty when it is sound. For tests. */
  check(): string[] {
    return this.nodes.check(this.size);
  }

  /** Index of the entry in front of the current one, which is not the first of the tree. */
  private beforeCurrent(): number {
    if (this.position > 0) return this.leaf * LEAF + this.position - 1;
    const previous = this.nodes.leafPrevious[this.leaf]!;
    return previous * LEAF + this.nodes.leafCount[previous]! - 1;
  }

  /** Leaf and position where an area with this start belongs. */
  private placeOf(page: number, byte: number): number {
    const nodes = this.nodes;
    this.leaf = this.leafFor(page, byte);
    return nodes.floorIn(this.leaf, page, byte) + 1;
  }

  private leafFor(page: number, byte: number): number {
    const nodes = this.nodes;
    // Ascending inserts are what a driver does; they end in the last leaf without a descent.
    const tail = nodes.tail * LEAF;
    if (nodes.leafCount[nodes.tail]! > 0) {
      const tailPage = nodes.startPage[tail]!;
      if (page > tailPage || (page === tailPage && byte >= nodes.startByte[tail]!)) return nodes.tail;
    }
    let node = nodes.root;
    for (let level = nodes.height; level > 0; level--)
      node = nodes.child[node * INNER + nodes.childFor(node, page, byte)]!;
    return node;
  }

  /** Finds the last area that starts at or before the key. False: all start behind it; then {@link step} finds the first. */
  private floor(page: number, byte: number): boolean {
    const nodes = this.nodes;
    const leaf = this.leafFor(page, byte);
    const position = nodes.floorIn(leaf, page, byte);
    if (position >= 0) {
      this.leaf = leaf;
      this.position = position;
      return true;
    }
    const previous = nodes.leafPrevious[leaf]!;
    if (previous === NONE) {
      this.leaf = leaf;
      this.position = -1;
      return false;
    }
    this.leaf = previous;
    this.position = nodes.leafCount[previous]! - 1;
    return true;
  }

  /** Moves to the next area; false behind the last. */
  private step(): boolean {
    const nodes = this.nodes;
    if (++this.position < nodes.leafCount[this.leaf]!) return true;
    const next = nodes.leafNext[this.leaf]!;
    if (next === NONE) return false;
    this.leaf = next;
    this.position = 0;
    return true;
  }

  /** Moves to the next area behind the current one that may have room in front of it. */
  private stepToRoom({ length, roomClass }: HoleTest): boolean {
    const nodes = this.nodes;
    const found = nodes.roomIn(this.leaf, this.position + 1, length, roomClass);
    if (found >= 0) {
      this.position = found;
      return true;
    }
    const leaf = nodes.leafWithRoomAfter(this.leaf, length, roomClass);
    if (leaf === NONE) return false;
    this.leaf = leaf;
    this.position = nodes.roomIn(leaf, 0, length, roomClass);
    return true;
  }
}
