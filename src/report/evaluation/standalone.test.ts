import { expect, test } from "vitest";
import { standaloneSvg } from "./standalone.ts";

test("a chart in a file of its own has colours of its own, on white paper", () => {
  const svg = standaloneSvg('<svg width="1"><path stroke="var(--ink)" fill="var(--clean)"></path></svg>');
  expect(svg).toBe(
    '<svg xmlns="http://www.w3.org/2000/svg" width="1"><rect width="100%" height="100%" fill="#fff"></rect>' +
      '<path stroke="#16191f" fill="#6b7482"></path></svg>\n',
  );
  expect(() => standaloneSvg('<svg fill="var(--mauve)"></svg>')).toThrow("no colour --mauve");
});
