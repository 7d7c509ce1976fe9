/** Domain 0 is for what caching mode keeps of absent entries, 1 for pass-through and first-stage domains of the kernel. */
const FIRST_DOMAIN_ID = 2;

/** The domain ids of one unit. A domain has one while anything of the unit uses it; the lowest free one is taken. */
export class DomainIds<Domain> {
  readonly #count: number;
  readonly #uses = new Map<Domain, { readonly id: number; users: number }>();
  readonly #taken = new Set<number>();

  /** @param count ids of the unit (CAP.ND), the reserved ones included */
  constructor(count: number) {
    this.#count = count;
  }

  /** One user more. @returns the domain's id, or undefined: none is free */
  take(domain: Domain): number | undefined {
    const use = this.#uses.get(domain);
    if (use !== undefined) {
      use.users++;
      return use.id;
    }
    let id = FIRST_DOMAIN_ID;
    while (this.#taken.has(id)) id++;
    if (id >= this.#count) return undefined;
    this.#taken.add(id);
    this.#uses.set(domain, { id, users: 1 });
    return id;
  }

  /** One user less; the last one gives the id back. */
  release(domain: Domain): void {
    const use = this.#uses.get(domain)!;
    if (--use.users > 0) return;
    this.#uses.delete(domain);
    this.#taken.delete(use.id);
  }
}
