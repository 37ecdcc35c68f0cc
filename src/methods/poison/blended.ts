import type { Rng } from "../../random/rng.ts";
import type { PoisonOf } from "./config.ts";
import { mapPixels } from "./pictures.ts";
import type { Pictures, PoisonKind } from "./types.ts";

/** A picture of U(0, 1) noise: [C, H, W]. */
export function noisePicture([channels, height, width]: Pictures["shape"], random: Rng): Float32Array {
  const pattern = new Float32Array(channels * height * width);
  random.fillUniform(pattern, 0, 1);
  return pattern;
}

/** x′ = (1 − α)·x + α·R with a fixed picture R of noise. */
export const blended: PoisonKind<PoisonOf<"blended">> = {
  kind: "blended",
  version: 1,
  title: "Blended pattern",
  summary: "A faint picture of noise laid over the whole picture.",
  source: "Chen et al. 2017, arXiv:1712.05526",
  cleanLabel: false,
  trigger({ alpha }, shape, random) {
    const [, height, width] = shape;
    const pattern = noisePicture(shape, random);
    return {
      apply: (pictures) =>
        mapPixels(pictures, (value, c, y, x) => (1 - alpha) * value + alpha * pattern[(c * height + y) * width + x]!),
    };
  },
};
