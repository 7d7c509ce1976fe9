import { AreaNodeStore, grown, INNER, LEAF, NONE } from './area-node-store.js';
import { ROOM_CLASSES, roomBehind } from './hole-test.js';
import { KEY_BYTES } from './iova-key.js';

/** Last byte of a key page. */
const KEY_LAST: number = KEY_BYTES - 1;

/**
 * How much room the holes in front of areas have, as maxima over leaves and inner nodes, so that looking for a free IOVA skips whole
 * subtrees. The maxima are worked out when they are asked for, one room class at a time, and kept until something below changes:
 * maps at fixed IOVAs pay next to nothing, and whoever looks pays for the nodes that changed since the last look.
 *
 * A node is known for a class only while everything below it is.
 */
export class AreaRooms extends AreaNodeStore {
  private leafRoom: Float64Array = new Float64Array(ROOM_CLASSES);
  private innerRoom: Float64Array = new Float64Array(ROOM_CLASSES);
  /** Bit n: the room of class n is known. */
  private leafKnown: Int32Array = new Int32Array(1);
  private innerKnown: Int32Array = new Int32Array(1);

  /** First position from `from` on with at least `length` bytes of room in front of it, or -1. */
  roomIn(leaf: number, from: number, length: number, roomClass: number): number {
    if (this.roomOfLeaf(leaf, roomClass) < length) return -1;
    const count = this.leafCount[leaf]!;
    for (let i = from; i < count; i++) if (this.roomBefore(leaf, i, roomClass) >= length) return i;
    return -1;
  }

  /** First leaf behind this one that has an area with at least `length` bytes of room in front of it, or NONE. */
  leafWithRoomAfter(leaf: number, length: number, roomClass: number): number {
    let node = leaf;
    let parent = this.leafParent[leaf]!;
    while (parent !== NONE) {
      let found = this.childWithRoom(parent, this.indexOf(parent, node) + 1, length, roomClass);
      if (found !== NONE) {
        for (let level = this.innerLevel[parent]!; level > 1; level--) {
          found = this.childWithRoom(found, 0, length, roomClass);
        }
        return found;
      }
      node = parent;
      parent = this.innerParent[parent]!;
    }
    return NONE;
  }

  /** An entry at this position came, went or moved: its leaf, and the next one if its first hole begins here, are not known any more. */
  protected roomsChanged(leaf: number, position: number): void {
    this.forgetLeaf(leaf);
    if (position + 1 >= this.leafCount[leaf]! && this.leafNext[leaf] !== NONE) this.forgetLeaf(this.leafNext[leaf]!);
  }

  protected forgetLeaf(leaf: number): void {
    if (this.leafKnown[leaf] === 0) return;
    this.leafKnown[leaf] = 0;
    this.forgetInner(this.leafParent[leaf]!);
  }

  /** Stops at a node that is not known: then those above are not either. */
  protected forgetInner(start: number): void {
    for (let node = start; node !== NONE && this.innerKnown[node] !== 0; node = this.innerParent[node]!) {
      this.innerKnown[node] = 0;
    }
  }

  protected override allocateLeaf(): number {
    const leaf = super.allocateLeaf();
    if (this.leafKnown.length < this.leafCount.length) {
      this.leafKnown = grown(this.leafKnown, new Int32Array(this.leafCount.length));
      this.leafRoom = grown(this.leafRoom, new Float64Array(this.leafCount.length * ROOM_CLASSES));
    }
    this.leafKnown[leaf] = 0;
    return leaf;
  }

  protected override allocateInner(level: number): number {
    const node = super.allocateInner(level);
    if (this.innerKnown.length < this.innerCount.length) {
      this.innerKnown = grown(this.innerKnown, new Int32Array(this.innerCount.length));
      this.innerRoom = grown(this.innerRoom, new Float64Array(this.innerCount.length * ROOM_CLASSES));
    }
    this.innerKnown[node] = 0;
    return node;
  }

  /** What is kept for a leaf and is not so. For tests. */
  protected checkLeafRooms(leaf: number): string[] {
    const faults: string[] = [];
    for (let n = 0; n < ROOM_CLASSES; n++) {
      if ((this.leafKnown[leaf]! & (1 << n)) === 0 || this.leafRoom[leaf * ROOM_CLASSES + n] === this.widestIn(leaf, n))
        continue;
      faults.push(`leaf ${leaf} has a wrong room of class ${n}`);
    }
    return faults;
  }

  /** What is kept for an inner node and is not so, or is kept above something unknown. For tests. */
  protected checkInnerRooms(node: number): string[] {
    const faults: string[] = [];
    const leaves = this.innerLevel[node] === 1;
    for (let n = 0; n < ROOM_CLASSES; n++) {
      if ((this.innerKnown[node]! & (1 << n)) === 0) continue;
      let widest = -Infinity;
      for (let i = 0; i < this.innerCount[node]!; i++) {
        const child = this.child[node * INNER + i]!;
        const known = leaves ? this.leafKnown[child]! : this.innerKnown[child]!;
        if ((known & (1 << n)) === 0) faults.push(`inner node ${node} knows more than its child ${child}`);
        widest = Math.max(widest, (leaves ? this.leafRoom : this.innerRoom)[child * ROOM_CLASSES + n]!);
      }
      if (this.innerRoom[node * ROOM_CLASSES + n] !== widest)
        faults.push(`inner node ${node} has a wrong room of class ${n}`);
    }
    return faults;
  }

  private childWithRoom(node: number, from: number, length: number, roomClass: number): number {
    const leaves = this.innerLevel[node] === 1;
    const base = node * INNER;
    const count = this.innerCount[node]!;
    for (let i = from; i < count; i++) {
      const child = this.child[base + i]!;
      if ((leaves ? this.roomOfLeaf(child, roomClass) : this.roomOfInner(child, roomClass)) >= length) return child;
    }
    return NONE;
  }

  private roomOfLeaf(leaf: number, roomClass: number): number {
    const at = leaf * ROOM_CLASSES + roomClass;
    const bit = 1 << roomClass;
    if ((this.leafKnown[leaf]! & bit) === 0) {
      this.leafRoom[at] = this.widestIn(leaf, roomClass);
      this.leafKnown[leaf] = this.leafKnown[leaf]! | bit;
    }
    return this.leafRoom[at]!;
  }

  private roomOfInner(node: number, roomClass: number): number {
    const at = node * ROOM_CLASSES + roomClass;
    const bit = 1 << roomClass;
    if ((this.innerKnown[node]! & bit) !== 0) return this.innerRoom[at]!;
    const leaves = this.innerLevel[node] === 1;
    const base = node * INNER;
    let widest = -Infinity;
    for (let i = base + this.innerCount[node]! - 1; i >= base; i--) {
      const child = this.child[i]!;
      const room = leaves ? this.roomOfLeaf(child, roomClass) : this.roomOfInner(child, roomClass);
      if (room > widest) widest = room;
    }
    this.innerRoom[at] = widest;
    this.innerKnown[node] = this.innerKnown[node]! | bit;
    return widest;
  }

  private widestIn(leaf: number, roomClass: number): number {
    let widest = -Infinity;
    for (let i = this.leafCount[leaf]! - 1; i >= 0; i--) {
      const room = this.roomBefore(leaf, i, roomClass);
      if (room > widest) widest = room;
    }
    return widest;
  }

  private roomBefore(leaf: number, position: number, roomClass: number): number {
    const at = leaf * LEAF + position;
    let before = at - 1;
    if (position === 0) {
      const previous = this.leafPrevious[leaf]!;
      if (previous === NONE) return roomBehind(-1, KEY_LAST, this.startPage[at]!, this.startByte[at]!, roomClass);
      before = previous * LEAF + this.leafCount[previous]! - 1;
    }
    return roomBehind(
      this.lastPage[before]!,
      this.lastByte[before]!,
      this.startPage[at]!,
      this.startByte[at]!,
      roomClass,
    );
  }
}
