import type { GeneratedLeaf } from './radix-builder.js';
import type { ScenarioBuilder } from './scenario-builder.js';

/** What the accesses of a scenario may be. */
export interface AccessRules {
  readonly requesters: readonly number[];
  /** Only aligned accesses inside one page of 4 KiB. */
  readonly aligned: boolean;
  /** IOVAs that may be tried besides mapped ones. */
  stray(): bigint;
  /** Whether bytes at a physical address can be filled. */
  isRam(pa: bigint): boolean;
}

/**
 * Accesses to mapped and other IOVAs. Until caches are invalidated a page is only accessed in one direction: a unit that has it cached may refuse
 * the other without saying why (QEMU's VT-d records no fault then), or not refuse it (QEMU's SMMU forgets the rights that table entries took).
 */
export class AccessPlan {
  readonly #builder: ScenarioBuilder;
  readonly #rules: AccessRules;
  #directions = new Map<GeneratedLeaf, 'read' | 'write'>();

  constructor(builder: ScenarioBuilder, rules: AccessRules) {
    this.#builder = builder;
    this.#rules = rules;
  }

  /** Caches are empty again. */
  invalidated(): void {
    this.#directions = new Map();
  }

  /** Does `count` accesses. */
  add(count: number, leaves: readonly GeneratedLeaf[]): void {
    for (let done = 0; done < count; done++) this.#one(leaves);
  }

  #one(leaves: readonly GeneratedLeaf[]): void {
    const { random } = this.#builder;
    const rid = random.pick(this.#rules.requesters);
    if (leaves.length === 0 || random.chance(15)) {
      this.#access(rid, this.#rules.stray(), 4, leaves);
      return;
    }
    const leaf = random.pick(leaves);
    const bytes = this.#rules.aligned ? 4 : this.#builder.length();
    const offset = this.#offset(leaf.shift, bytes);
    const { pa } = leaf;
    if (this.#rules.isRam(pa + offset)) this.#builder.fill(pa + offset, bytes);
    this.#access(rid, leaf.iova + offset, bytes, leaves);
  }

  /** First and last bytes of the leaf more often than others. */
  #offset(shift: number, bytes: number): bigint {
    const { random } = this.#builder;
    const size = 1n << BigInt(shift);
    const chosen = random.pick([0n, size - BigInt(bytes), random.bits(shift)]);
    const fits = chosen + BigInt(bytes) > size ? size - BigInt(bytes) : chosen;
    if (this.#rules.aligned) return fits & ~3n;
    // Inside one piece of 4 KiB, so that what lies behind the leaf plays no part.
    return (fits & 0xfffn) + BigInt(bytes) > 0x1000n ? fits & ~0xfffn : fits;
  }

  #access(rid: number, iova: bigint, bytes: number, leaves: readonly GeneratedLeaf[]): void {
    const pages = leaves.filter((leaf) => leaf.iova >> BigInt(leaf.shift) === iova >> BigInt(leaf.shift));
    const decided = pages.map((page) => this.#directions.get(page)).find((direction) => direction !== undefined);
    const dir = decided ?? this.#builder.random.pick(['read', 'write'] as const);
    for (const page of pages) this.#directions.set(page, dir);
    this.#builder.access(rid, iova, bytes, dir);
  }
}
