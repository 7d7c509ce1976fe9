import { describe, expect, it } from 'vitest';
import { IommufdObject, MemoryBudget, ObjectTable } from '../../src/index.js';

class Thing extends IommufdObject {
  readonly kind = 'ioas';
  constructor(
    readonly log: string[],
    readonly on: Thing | undefined = undefined,
  ) {
    super();
    if (on !== undefined) on.users++;
  }
  override references(): readonly IommufdObject[] {
    return this.on === undefined ? [] : [this.on];
  }
  destroy(): void {
    this.log.push(`destroy ${this.id}`);
    if (this.on !== undefined) this.on.users--;
  }
}

const table = (bytes = 100_000): { objects: ObjectTable; budget: MemoryBudget; log: string[] } => {
  const budget = new MemoryBudget(bytes);
  return { objects: new ObjectTable(budget, null), budget, log: [] };
};

describe('ObjectTable', () => {
  it('gives the lowest free id from 1 upwards', () => {
    const { objects, log } = table();
    const things = Array.from({ length: 4 }, () => new Thing(log));
    for (const thing of things) {
      objects.reserve(thing);
      objects.publish(thing);
    }
    expect(things.map(({ id }) => id)).toEqual([1, 2, 3, 4]);
    objects.remove(things[2]!);
    objects.remove(things[0]!);
    const again = [new Thing(log), new Thing(log), new Thing(log)];
    for (const thing of again) objects.reserve(thing);
    expect(again.map(({ id }) => id)).toEqual([1, 3, 5]);
  });

  it('does not find an object before it is published, and keeps its id from others', () => {
    const { objects, log } = table();
    const thing = new Thing(log);
    objects.reserve(thing);
    expect(objects.any(1)).toBeUndefined();
    expect(objects.empty).toBe(false);
    objects.abort(thing);
    expect(objects.empty).toBe(true);
    expect(log).toEqual([]);
  });

  it('removes only what nobody else uses, and says who does', () => {
    const { objects, log } = table();
    const lower = new Thing(log);
    objects.reserve(lower);
    objects.publish(lower);
    const upper = new Thing(log, lower);
    objects.reserve(upper);
    objects.publish(upper);
    expect(objects.remove(lower)).toBe(false);
    expect(objects.holdersOf(lower)).toEqual(['ioas 2']);
    expect(objects.remove(upper)).toBe(true);
    expect(objects.remove(lower)).toBe(true);
    expect(log).toEqual(['destroy 2', 'destroy 1']);
  });

  it('clears leaves before what they hold, and reports a circle', () => {
    const { objects, log, budget } = table();
    let on: Thing | undefined;
    for (let n = 0; n < 3; n++) {
      on = new Thing(log, on);
      objects.reserve(on);
      objects.publish(on);
    }
    expect(objects.clear()).toBe(true);
    expect(log).toEqual(['destroy 3', 'destroy 2', 'destroy 1']);
    expect(budget.used).toBe(0);
    const circle = new Thing(log);
    circle.users++;
    objects.reserve(circle);
    objects.publish(circle);
    expect(objects.clear()).toBe(false);
  });

  it('charges objects to the budget and refuses what does not fit', () => {
    const { objects, log, budget } = table(1000);
    expect(objects.reserve(new Thing(log))).toBe(true);
    expect(budget.used).toBe(512);
    expect(objects.reserve(new Thing(log))).toBe(false);
    expect(budget.used).toBe(512);
  });

  it('fails where a failure is injected', () => {
    const objects = new ObjectTable(new MemoryBudget(1000), { fails: (kind) => kind === 'allocate' });
    expect(objects.reserve(new Thing([]))).toBe(false);
  });
});
