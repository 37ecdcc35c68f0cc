import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { makeFolder } from "./node-folder.ts";

const root = mkdtempSync(join(tmpdir(), "assay-folder-"));
afterAll(() => rmSync(root, { recursive: true }));

describe("making a folder", () => {
  test("makes those above it, and is content with one that is there", () => {
    const path = join(root, "a", "b", "c");
    makeFolder(path);
    makeFolder(path);
    expect(statSync(path).isDirectory()).toBe(true);
  });

  test("throws where a file is in the way", () => {
    writeFileSync(join(root, "file"), "");
    expect(() => makeFolder(join(root, "file", "x"))).toThrow("ENOTDIR");
  });

  test.skipIf(!existsSync("/proc/self"))("returns where the system denies a parent that exists", () => {
    expect(() => makeFolder("/proc/assay-no-such-folder")).toThrow("ENOENT");
  });
});
