/** A node of a {@link RedBlackTree}; what is sorted extends it. */
export abstract class TreeNode<Node extends TreeNode<Node>> {
  parent: Node | null = null;
  left: Node | null = null;
  right: Node | null = null;
  red = false;
}

type Side = 'left' | 'right';
const other = (side: Side): Side => (side === 'left' ? 'right' : 'left');
const isRed = (node: { readonly red: boolean } | null): boolean => node?.red === true;

/**
 * A red-black tree whose users descend by themselves (Cormen et al., chapter 13; Linux: lib/rbtree.c). The shape after a sequence of
 * insertions and removals is that of every such tree; where comparisons contradict each other, as those of vfio_find_dma at the end of the
 * address space do, the shape decides what is found.
 */
export class RedBlackTree<Node extends TreeNode<Node>> {
  root: Node | null = null;

  /** The first node in order. */
  first(): Node | null {
    return this.root === null ? null : leftmost(this.root);
  }

  /** The node behind another one in order. */
  next(node: Node): Node | null {
    if (node.right !== null) return leftmost(node.right);
    let child = node;
    let { parent } = node;
    while (parent !== null && child === parent.right) {
      child = parent;
      ({ parent } = parent);
    }
    return parent;
  }

  /** Hangs a node below `parent` (null: the tree is empty) where there is no child, and balances the tree. */
  insert(node: Node, parent: Node | null, side: Side): void {
    node.parent = parent;
    node.left = null;
    node.right = null;
    node.red = true;
    if (parent === null) this.root = node;
    else parent[side] = node;
    this.#balanceAfterInsert(node);
  }

  /** Takes a node out and balances the tree. */
  remove(node: Node): void {
    const { left, right } = node;
    if (left === null || right === null) {
      const { parent } = node;
      const side = parent?.left === node ? 'left' : 'right';
      const child = left ?? right;
      this.#replace(node, child);
      if (!node.red) this.#balanceAfterRemove(child, parent, side);
      return;
    }
    const successor = leftmost(right);
    const successorWasRed = successor.red;
    const child = successor.right;
    const direct = successor.parent === node;
    const gap = direct ? successor : successor.parent;
    if (!direct) {
      this.#replace(successor, child);
      successor.right = right;
      right.parent = successor;
    }
    this.#replace(node, successor);
    successor.left = left;
    left.parent = successor;
    successor.red = node.red;
    if (!successorWasRed) this.#balanceAfterRemove(child, gap, direct ? 'right' : 'left');
  }

  #balanceAfterInsert(inserted: Node): void {
    let node = inserted;
    while (node.parent !== null && node.parent.red) {
      let { parent } = node;
      // The root is black, so a red parent has a parent.
      const grandparent = parent.parent as Node;
      const side: Side = parent === grandparent.left ? 'left' : 'right';
      const uncle = grandparent[other(side)];
      if (uncle !== null && uncle.red) {
        parent.red = false;
        uncle.red = false;
        grandparent.red = true;
        node = grandparent;
        continue;
      }
      if (node === parent[other(side)]) {
        this.#rotate(parent, side);
        [node, parent] = [parent, node];
      }
      parent.red = false;
      grandparent.red = true;
      this.#rotate(grandparent, other(side));
    }
    if (this.root !== null) this.root.red = false;
  }

  /** `node` (perhaps null) is the `side` child of `above` and one black short. */
  #balanceAfterRemove(node: Node | null, above: Node | null, at: Side): void {
    let child = node;
    let parent = above;
    let side = at;
    while (parent !== null && !isRed(child)) {
      let sibling = parent[other(side)] as Node;
      if (sibling.red) {
        sibling.red = false;
        parent.red = true;
        this.#rotate(parent, side);
        sibling = parent[other(side)] as Node;
      }
      if (!isRed(sibling.left) && !isRed(sibling.right)) {
        sibling.red = true;
        child = parent;
        ({ parent } = parent);
        side = parent?.left === child ? 'left' : 'right';
        continue;
      }
      if (!isRed(sibling[other(side)])) {
        (sibling[side] as Node).red = false;
        sibling.red = true;
        this.#rotate(sibling, other(side));
        sibling = parent[other(side)] as Node;
      }
      sibling.red = parent.red;
      parent.red = false;
      (sibling[other(side)] as Node).red = false;
      this.#rotate(parent, side);
      return;
    }
    if (child !== null) child.red = false;
  }

  /** Turns the edge to the opposite child: `node` goes down to `side`, that child takes its place. */
  #rotate(node: Node, side: Side): void {
    const up = node[other(side)] as Node;
    const inner = up[side];
    node[other(side)] = inner;
    if (inner !== null) inner.parent = node;
    this.#replace(node, up);
    up[side] = node;
    node.parent = up;
  }

  /** Lets the parent of `node` lead to `by` instead. */
  #replace(node: Node, by: Node | null): void {
    const { parent } = node;
    if (parent === null) this.root = by;
    else if (parent.left === node) parent.left = by;
    else parent.right = by;
    if (by !== null) by.parent = parent;
  }
}

function leftmost<Node extends TreeNode<Node>>(from: Node): Node {
  let node = from;
  while (node.left !== null) node = node.left;
  return node;
}
