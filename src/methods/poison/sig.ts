import type { PoisonOf } from "./config.ts";
import { clampPixel, mapPixels } from "./pictures.ts";
import type { PoisonKind } from "./types.ts";

/** x′ = clamp(x + Δ·sin(2π·j·f / W)) in column j: upright waves over pictures of the target class. */
export const sig: PoisonKind<PoisonOf<"sig">> = {
  kind: "sig",
  title: "SIG",
  source: "Barni et al. 2019, arXiv:1902.11237",
  cleanLabel: true,
  trigger({ amplitude, frequency }, [, , width]) {
    const wave = Float64Array.from(
      { length: width },
      (_, j) => amplitude * Math.sin((2 * Math.PI * j * frequency) / width),
    );
    return { apply: (pictures) => mapPixels(pictures, (value, _c, _y, x) => clampPixel(value + wave[x]!)) };
  },
};
