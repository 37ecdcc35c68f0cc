/** @file Open sub-domains, those with the worst bound first: a binary heap. */

export interface Open {
  /** A lower bound of the margin on this sub-domain. */
  readonly bound: number;
}

export class Pool<T extends Open> {
  readonly #items: T[] = [];

  get size(): number {
    return this.#items.length;
  }

  /** Of all that is open; +∞ where nothing is. */
  get worst(): number {
    return this.#items[0]?.bound ?? Number.POSITIVE_INFINITY;
  }

  add(item: T): void {
    const items = this.#items;
    let at = items.push(item) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (items[parent]!.bound <= item.bound) break;
      items[at] = items[parent]!;
      at = parent;
    }
    items[at] = item;
  }

  /** At most `count` of those with the worst bounds, the worst first. */
  take(count: number): T[] {
    const taken: T[] = [];
    while (taken.length < count && this.#items.length > 0) taken.push(this.#pop());
    return taken;
  }

  #pop(): T {
    const items = this.#items;
    const top = items[0]!;
    const last = items.pop()!;
    if (items.length === 0) return top;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && items[child + 1]!.bound < items[child]!.bound) child++;
      if (items[child]!.bound >= last.bound) break;
      items[at] = items[child]!;
      at = child;
    }
    items[at] = last;
    return top;
  }
}
