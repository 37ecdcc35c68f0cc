import { describe, expect, test } from "vitest";
import { parseOptions } from "./options.ts";
import { parseBytes } from "./values.ts";

describe("--memory", () => {
  test.each([
    ["268435456", 2 ** 28],
    ["256MB", 2 ** 28],
    ["256 MiB", 2 ** 28],
    ["256m", 2 ** 28],
    ["2GB", 2 ** 31],
    ["1.5g", 1.5 * 2 ** 30],
    ["2048kb", 2 ** 21],
    ["4194304b", 2 ** 22],
    [1048576, 2 ** 20],
  ])("takes %j as %i bytes", (raw, bytes) => {
    expect(parseOptions(["memory"], { memory: raw })).toEqual({ memory: bytes });
  });

  test.each(["", "much", "-1GB", "1PB", "2 GB 3", "1e9", "1023kb", 1000, 2.5e6 + 0.5, "99999999TB"])(
    "refuses %j",
    (raw) => {
      expect(() => parseOptions(["memory"], { memory: raw })).toThrow(/--memory must be bytes from 1MB, such as 256MB/);
    },
  );

  test("whole bytes come of a fraction of a unit", () => {
    expect(parseBytes("0.001k")).toBe(1);
  });
});
