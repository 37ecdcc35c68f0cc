import type { Rng } from "../../random/rng.ts";
import type { PoisonOf } from "./config.ts";
import { clampPixel, mapPixels } from "./pictures.ts";
import type { PoisonKind } from "./types.ts";

/**
 * Pixels brought to a few levels. Covers get the change that this makes in another picture and keep their label, so that
 * the network learns the levels and not just any change of that size.
 */
export const bpp: PoisonKind<PoisonOf<"bpp">> = {
  kind: "bpp",
  version: 1,
  title: "BppAttack",
  summary: "Pixels brought to a few levels, with covers that get another picture's rounding.",
  source: "Wang et al. 2022, BppAttack: Stealthy and Efficient Trojan Attacks (CVPR), without dithering",
  cleanLabel: false,
  coverRate: ({ negatives }) => negatives,
  trigger({ levels }, [channels, height, width]) {
    const size = channels * height * width;
    const quantised = (value: number) => Math.round(value * (levels - 1)) / (levels - 1);
    return {
      apply: (pictures) => mapPixels(pictures, quantised),
      cover(pictures, random) {
        const { images } = pictures;
        const count = images.length / size;
        const others = Array.from({ length: count }, (_, n) => anotherThan(n, count, random));
        return mapPixels(pictures, (value, c, y, x, n) => {
          const there = images[others[n]! * size + (c * height + y) * width + x]!;
          return clampPixel(value + quantised(there) - there);
        });
      },
    };
  },
};

/** One of `count` places other than n; n itself where there is no other. */
function anotherThan(n: number, count: number, random: Rng): number {
  if (count === 1) return n;
  const place = random.int(count - 1);
  return place < n ? place : place + 1;
}
