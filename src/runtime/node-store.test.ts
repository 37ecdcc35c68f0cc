import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { JobKey } from "./jobs.ts";
import { keyHash, openStore, StoreError, type StoreFiles, type StoreOptions } from "./node-store.ts";

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "assay-store-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const key: JobKey = { model: "m", method: { id: "crown", version: 1 }, options: { epsilon: 0.1 }, chunk: "c" };
const result = { records: [{ index: 3, margin: -0, bound: Float32Array.of(1, Number.NaN) }], seconds: 0.25 };

async function opened(options: Partial<StoreOptions> = {}) {
  const lines: string[] = [];
  const store = await openStore({ directory: join(root, ".assay"), warn: (line) => lines.push(line), ...options });
  return { store, lines };
}

function onlyEntry(directory: string): string {
  const results = join(directory, "results");
  const [folder] = readdirSync(results);
  const [file] = readdirSync(join(results, folder!));
  return join(results, folder!, file!);
}

test("a result is found again, also by a store opened later, with every bit", async () => {
  const { store } = await opened();
  expect(await store.get(key)).toBeUndefined();
  expect(await store.put(key, result)).toBe(true);
  expect(await store.get(key)).toStrictEqual(result);
  expect(await (await opened()).store.get(key)).toStrictEqual(result);
  expect(readdirSync(join(root, ".assay", "tmp"))).toEqual([]);
});

test("the key is every part of what the result depends on", async () => {
  const keys: JobKey[] = [
    key,
    { ...key, model: "m2" },
    { ...key, method: { id: "crown", version: 2 } },
    { ...key, method: { id: "ibp", version: 1 } },
    { ...key, options: { epsilon: 0.2 } },
    { ...key, chunk: "c2" },
  ];
  expect(new Set(keys.map(keyHash)).size).toBe(keys.length);
  const reordered = { chunk: "c", options: { epsilon: 0.1 }, model: "m", method: { version: 1, id: "crown" } };
  expect(keyHash(reordered)).toBe(keyHash(key));
});

test.for([
  ["cut off", (path: string) => truncateSync(path, 150)],
  ["empty", (path: string) => truncateSync(path, 0)],
  [
    "changed in one bit",
    (path: string) => {
      const bytes = readFileSync(path);
      bytes[bytes.length - 1]! ^= 1;
      writeFileSync(path, bytes);
    },
  ],
] as const)("an entry that is %s counts as absent, with a line that says so, and is replaced", async ([, damage]) => {
  const { store, lines } = await opened();
  await store.put(key, result);
  damage(onlyEntry(store.directory));
  expect(await store.get(key)).toBeUndefined();
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/^result store .*\.assay: entry [0-9a-f]{12}… is damaged; computing it again$/);
  await store.put(key, result);
  expect(await store.get(key)).toStrictEqual(result);
});

test("an entry under another entry's name is not believed", async () => {
  const { store } = await opened();
  await store.put(key, result);
  const bytes = readFileSync(onlyEntry(store.directory));
  const other: JobKey = { ...key, chunk: "other" };
  await store.put(other, result);
  const hash = keyHash(other);
  writeFileSync(join(store.directory, "results", hash.slice(0, 2), hash.slice(2)), bytes);
  expect(await store.get(other)).toBeUndefined();
});

test("many writers of the same and of other entries do not disturb each other", async () => {
  const stores = await Promise.all(Array.from({ length: 4 }, () => opened()));
  const keys = Array.from({ length: 8 }, (_, i): JobKey => ({ ...key, chunk: `${i % 4}` }));
  await Promise.all(stores.flatMap(({ store }) => keys.map((each) => store.put(each, result))));
  for (const { store, lines } of stores) {
    for (const each of keys) expect(await store.get(each)).toStrictEqual(result);
    expect(lines).toEqual([]);
  }
});

test("a place that cannot be written is one line, and the run goes on without a store", async () => {
  writeFileSync(join(root, ".assay"), "a file where the folder should be");
  const { store, lines } = await opened();
  expect(await store.put(key, result)).toBe(false);
  expect(await store.get(key)).toBeUndefined();
  expect(lines).toEqual([
    `result store ${root}/.assay cannot be used (a file is in the way); going on without it, so an interrupted run would start over`,
  ]);
});

test.skipIf(process.getuid?.() === 0)(
  "a folder without write permission is one line (skipped for root, who may)",
  async () => {
    chmodSync(root, 0o500);
    const { lines } = await opened();
    chmodSync(root, 0o700);
    expect(lines[0]).toContain("(permission denied)");
  },
);

test("a store that must be written stops the run instead", async () => {
  writeFileSync(join(root, ".assay"), "");
  const open = openStore({ directory: join(root, ".assay"), onFailure: "throw" });
  await expect(open).rejects.toThrow(StoreError);
  await expect(open).rejects.toThrow(/a file is in the way\); free or choose another place, or run without it$/);
});

/** A disk with room for so many writes; the one that fills it leaves half a file behind. */
function fullAfter(writes: number): StoreFiles {
  let left = writes;
  return {
    read: async (path) => readFileSync(path),
    rename,
    async write(path, bytes) {
      if (left-- > 0) return writeFile(path, bytes);
      await writeFile(path, bytes.subarray(0, bytes.length / 2));
      throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
    },
  };
}

test("a disk that fills up is one line; what was stored stays, and no half file is left", async () => {
  const { store, lines } = await opened({ files: fullAfter(1) });
  const [second, third] = [
    { ...key, chunk: "2" },
    { ...key, chunk: "3" },
  ];
  expect([await store.put(key, result), await store.put(second, result), await store.put(third, result)]).toEqual([
    true,
    false,
    false,
  ]);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain("(the disk is full)");
  expect(readdirSync(join(store.directory, "tmp"))).toEqual([]);
  const later = (await opened()).store;
  expect(await later.get(key)).toStrictEqual(result);
  expect(await later.get(second)).toBeUndefined();
});

test("unfinished files of long ago are cleared away, recent ones may be another process's", async () => {
  const { store } = await opened();
  const [old, recent] = ["old", "recent"].map((name) => join(store.directory, "tmp", name));
  for (const path of [old!, recent!]) writeFileSync(path, "half");
  utimesSync(old!, 0, 0);
  await opened();
  expect(readdirSync(join(store.directory, "tmp"))).toEqual(["recent"]);
});
