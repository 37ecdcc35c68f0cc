import { expect, test } from "vitest";
import { createCache } from "./cache.ts";

const weigh = (value: string, bytes: number) => async () => ({ value, bytes });
const nothing = () => {};

function recorded(maxBytes: number) {
  const released: string[] = [];
  const cache = createCache<string>(maxBytes, async (value) => void released.push(value));
  return { cache, released };
}

test("makes a value once, also for concurrent callers", async () => {
  const { cache } = recorded(100);
  let made = 0;
  const make = async () => ({ value: `v${++made}`, bytes: 1 });
  const seen = await Promise.all([1, 2, 3].map(() => cache.use("k", make, ({ value }) => value)));
  expect(seen).toEqual(["v1", "v1", "v1"]);
});

test("releases the least recently used values beyond the bound", async () => {
  const { cache, released } = recorded(10);
  await cache.use("a", weigh("a", 4), nothing);
  await cache.use("b", weigh("b", 4), nothing);
  await cache.use("a", weigh("again", 4), nothing);
  await cache.use("c", weigh("c", 4), nothing);
  expect(released).toEqual(["b"]);
});

test("keeps the newest value even when it alone exceeds the bound", async () => {
  const { cache, released } = recorded(10);
  await cache.use("a", weigh("a", 4), nothing);
  await cache.use("huge", weigh("huge", 99), nothing);
  expect(released).toEqual(["a"]);
  expect(await cache.use("huge", weigh("made again", 99), ({ value }) => value)).toBe("huge");
});

test("a value that grows in use makes room", async () => {
  const { cache, released } = recorded(10);
  await cache.use("a", weigh("a", 4), nothing);
  await cache.use("b", weigh("b", 4), nothing);
  await cache.use("b", weigh("b", 4), (weighed) => {
    weighed.bytes = 7;
  });
  expect(released).toEqual(["a"]);
});

test("does not release a value in use", async () => {
  const { cache, released } = recorded(5);
  await cache.use("a", weigh("a", 4), async () => {
    await cache.use("b", weigh("b", 4), nothing);
    expect(released).toEqual([]);
  });
  await cache.use("c", weigh("c", 4), nothing);
  expect(released).toEqual(["a", "b"]);
});

test("forgets a value that could not be made", async () => {
  const { cache } = recorded(5);
  const fail = () => Promise.reject(new Error("no memory"));
  await expect(cache.use("a", fail, nothing)).rejects.toThrow("no memory");
  expect(await cache.use("a", weigh("a", 1), ({ value }) => value)).toBe("a");
});

test("clearing releases everything", async () => {
  const { cache, released } = recorded(100);
  await cache.use("a", weigh("a", 4), nothing);
  await cache.use("b", weigh("b", 4), nothing);
  await cache.clear();
  expect(released).toEqual(["a", "b"]);
});
