/** A value and its weight in bytes, which may grow while the value is in use. */
export interface Weighed<T> {
  readonly value: T;
  bytes: number;
}

export interface Cache<T> {
  /**
   * Runs `action` on the value of `key`, making it first where it is absent; it is not released meanwhile.
   * Concurrent calls make it once. A failure to make it is not remembered.
   */
  use<R>(key: string, make: () => Promise<Weighed<T>>, action: (weighed: Weighed<T>) => R | Promise<R>): Promise<R>;
  /** Releases everything that is not in use. */
  clear(): Promise<void>;
}

interface Entry<T> {
  readonly made: Promise<Weighed<T>>;
  /** What `made` came to. */
  weighed: Weighed<T> | undefined;
  users: number;
}

/**
 * Keeps the most recently used values whose weights add up to at most `maxBytes`, and the newest whatever it weighs.
 */
export function createCache<T>(maxBytes: number, release: (value: T) => Promise<void>): Cache<T> {
  // Maps iterate in insertion order: the least recently used comes first.
  const entries = new Map<string, Entry<T>>();

  const drop = async (key: string, entry: Entry<T>): Promise<void> => {
    entries.delete(key);
    await release((await entry.made).value);
  };

  async function evict(limit: number): Promise<void> {
    const newest = limit >= 0 ? [...entries.keys()].at(-1) : undefined;
    let total = 0;
    for (const entry of entries.values()) total += entry.weighed?.bytes ?? 0;
    for (const [key, entry] of [...entries]) {
      if (total <= limit) return;
      if (entry.users > 0 || key === newest) continue;
      total -= entry.weighed?.bytes ?? 0;
      await drop(key, entry);
    }
  }

  return {
    async use(key, make, action) {
      let entry = entries.get(key);
      const absent = entry === undefined;
      entry ??= { made: make(), weighed: undefined, users: 0 };
      entries.delete(key);
      entries.set(key, entry);
      entry.users++;
      let weight: number | undefined;
      try {
        entry.weighed ??= await entry.made.catch((error: unknown) => {
          if (entries.get(key) === entry) entries.delete(key);
          throw error;
        });
        weight = entry.weighed.bytes;
        return await action(entry.weighed);
      } finally {
        entry.users--;
        if (absent || entry.weighed?.bytes !== weight) await evict(maxBytes);
      }
    },
    clear: () => evict(-1),
  };
}
