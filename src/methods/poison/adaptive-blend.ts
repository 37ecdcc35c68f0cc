import type { Rng } from "../../random/rng.ts";
import { noisePicture } from "./blended.ts";
import type { PoisonOf } from "./config.ts";
import { mapPixels } from "./pictures.ts";
import type { Pictures, PoisonKind } from "./types.ts";

/**
 * A blended pattern of which training images carry only some parts, each image others; the whole pattern is shown at
 * test time. Covers carry parts of it too and keep their label, so that the parts alone say little.
 */
export const adaptiveBlend: PoisonKind<PoisonOf<"adaptive-blend">> = {
  kind: "adaptive-blend",
  version: 1,
  title: "Adaptive blend",
  summary: "A blended pattern of which training pictures carry only some parts, with covers that keep their label.",
  source: "Qi et al. 2023, Revisiting the Assumption of Latent Separability for Backdoor Defenses (ICLR)",
  cleanLabel: false,
  coverRate: ({ coverRate }) => coverRate,
  trigger({ alpha, pieces, masked }, shape, random) {
    const [, height, width] = shape;
    const pattern = noisePicture(shape, random);
    const blend = (pictures: Pictures, shown: (n: number, y: number, x: number) => boolean) =>
      mapPixels(pictures, (value, c, y, x, n) =>
        shown(n, y, x) ? (1 - alpha) * value + alpha * pattern[(c * height + y) * width + x]! : value,
      );
    const inParts = (pictures: Pictures, draws: Rng) => {
      const count = pictures.images.length / pattern.length;
      const left = Array.from({ length: count }, () => partsLeftOut(pieces ** 2, masked, draws));
      const piece = (y: number, x: number) =>
        Math.floor((y * pieces) / height) * pieces + Math.floor((x * pieces) / width);
      return blend(pictures, (n, y, x) => !left[n]!.has(piece(y, x)));
    };
    return { apply: (pictures) => blend(pictures, () => true), applyInTraining: inParts, cover: inParts };
  },
};

const partsLeftOut = (parts: number, share: number, random: Rng): ReadonlySet<number> =>
  new Set(random.permutation(parts).subarray(0, Math.round(share * parts)));
