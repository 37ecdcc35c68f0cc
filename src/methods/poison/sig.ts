import { SamplesError } from "../samples.ts";
import type { PoisonOf } from "./config.ts";
import { clampPixel, mapPixels } from "./pictures.ts";
import type { PoisonKind } from "./types.ts";

/** In pixels of [0, 1]: rounding of the sine, far below a grey level. */
const INVISIBLE = 1e-9;

/** x′ = clamp(x + Δ·sin(2π·j·f / W)) in column j: upright waves over pictures of the target class. */
export const sig: PoisonKind<PoisonOf<"sig">> = {
  kind: "sig",
  version: 1,
  title: "SIG",
  summary: "Vertical waves over pictures of the target class, whose labels stay true.",
  source: "Barni et al. 2019, arXiv:1902.11237",
  cleanLabel: true,
  trigger({ amplitude, frequency }, [, , width]) {
    const wave = Float64Array.from(
      { length: width },
      (_, j) => amplitude * Math.sin((2 * Math.PI * j * frequency) / width),
    );
    if (wave.every((value) => Math.abs(value) < INVISIBLE))
      throw new SamplesError(`a wave of frequency ${frequency} is 0 in all ${width} columns: choose another frequency`);
    return { apply: (pictures) => mapPixels(pictures, (value, _c, _y, x) => clampPixel(value + wave[x]!)) };
  },
};
