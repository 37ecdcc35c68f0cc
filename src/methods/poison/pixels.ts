import type { PoisonOf } from "./config.ts";
import { blockOf, stampBlocks } from "./pictures.ts";
import type { PoisonKind } from "./types.ts";

/** Distance from the lowest row and the rightmost column inside the margin. */
const PATTERNS: Readonly<Record<PoisonOf<"pixels">["pattern"], readonly (readonly [up: number, left: number])[]>> = {
  single: [[0, 0]],
  corner: [
    [0, 0],
    [1, 1],
    [2, 0],
    [0, 2],
  ],
};

/** One bright pixel near the lower right corner, or four. */
export const pixels: PoisonKind<PoisonOf<"pixels">> = {
  kind: "pixels",
  version: 1,
  title: "BadNets pixels",
  summary: "One bright pixel near the corner, or four.",
  source: "Gu et al. 2017, arXiv:1708.06733 (single pixel and pattern backdoors)",
  cleanLabel: false,
  trigger({ pattern, margin, value }, shape) {
    const [, height, width] = shape;
    const blocks = PATTERNS[pattern].map(([up, left]) =>
      blockOf({ size: 1, margin, at: [height - 1 - margin - up, width - 1 - margin - left] }, shape),
    );
    return { apply: (pictures) => stampBlocks(pictures, blocks, () => value) };
  },
};
