import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { pages } from "../scripts/docs/pages.ts";

describe("generated pages are current (npm run docs rewrites them)", () => {
  test.each(Object.entries(pages))("%s", (path, render) => {
    expect(readFileSync(new URL(`../${path}`, import.meta.url), "utf8")).toBe(render());
  });
});
