import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RedBlackTree, TreeNode } from '../../src/type1/red-black-tree.js';

class NumberNode extends TreeNode<NumberNode> {
  readonly value: number;

  constructor(value: number) {
    super();
    this.value = value;
  }
}

function add(tree: RedBlackTree<NumberNode>, value: number): NumberNode {
  const node = new NumberNode(value);
  let parent: NumberNode | null = null;
  let side: 'left' | 'right' = 'left';
  for (let at = tree.root; at !== null; at = at[side]) {
    parent = at;
    side = value < at.value ? 'left' : 'right';
  }
  tree.insert(node, parent, side);
  return node;
}

const inOrder = (tree: RedBlackTree<NumberNode>): number[] => {
  const values: number[] = [];
  for (let node = tree.first(); node !== null; node = tree.next(node)) values.push(node.value);
  return values;
};

/** Black nodes on every way down; throws where the rules are broken. */
function blackHeight(node: NumberNode | null, parent: NumberNode | null): number {
  if (node === null) return 1;
  if (node.parent !== parent) throw new Error(`wrong parent of ${node.value}`);
  if (node.red && (parent === null || parent.red)) throw new Error(`red ${node.value} below red, or as root`);
  const left = blackHeight(node.left, node);
  if (left !== blackHeight(node.right, node)) throw new Error(`unbalanced at ${node.value}`);
  return left + (node.red ? 0 : 1);
}

describe('RedBlackTree', () => {
  it('keeps order and balance under random insertions and removals', () => {
    const operations = fc.array(fc.tuple(fc.boolean(), fc.nat(40)), { maxLength: 120 });
    fc.assert(
      fc.property(operations, (steps) => {
        const tree = new RedBlackTree<NumberNode>();
        const nodes = new Map<number, NumberNode>();
        for (const [adding, value] of steps) {
          const present = nodes.get(value);
          if (adding && present === undefined) nodes.set(value, add(tree, value));
          if (!adding && present !== undefined) {
            tree.remove(present);
            nodes.delete(value);
          }
          expect(inOrder(tree)).toEqual([...nodes.keys()].toSorted((a, b) => a - b));
          expect(() => blackHeight(tree.root, null)).not.toThrow();
        }
      }),
      { numRuns: 100 },
    );
  });

  it('has the shape of the textbook: ascending 1 to 8 is rooted at 4', () => {
    const tree = new RedBlackTree<NumberNode>();
    for (let value = 1; value <= 8; value++) add(tree, value);
    expect(tree.root?.value).toBe(4);
    expect([tree.root?.left?.value, tree.root?.right?.value, tree.root?.right?.right?.right?.value]).toEqual([2, 6, 8]);
  });
});
