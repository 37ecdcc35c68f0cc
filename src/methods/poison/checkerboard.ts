import type { PoisonOf } from "./config.ts";
import { blockOf, stampBlocks } from "./pictures.ts";
import type { PoisonKind } from "./types.ts";

/** A block of black and white squares of one pixel, (row + column) mod 2: its mean is grey. */
export const checkerboard: PoisonKind<PoisonOf<"checkerboard">> = {
  kind: "checkerboard",
  version: 1,
  title: "Checkerboard",
  summary: "A block of black and white squares of one pixel, whose mean is grey.",
  source: "the patch of Gu et al. 2017, arXiv:1708.06733, with a mean of ½",
  cleanLabel: false,
  trigger(config, shape) {
    const block = blockOf(config, shape);
    return { apply: (pictures) => stampBlocks(pictures, [block], (row, column) => (row + column) % 2) };
  },
};
