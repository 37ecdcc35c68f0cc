import type { PoisonOf } from "./config.ts";
import { blockOf, stampBlocks } from "./pictures.ts";
import type { PoisonKind } from "./types.ts";

/** A square of one brightness; with `source` it works on one class only, as covers of the others teach. */
export const patch: PoisonKind<PoisonOf<"patch">> = {
  kind: "patch",
  version: 1,
  title: "BadNets patch",
  summary: "A square of one brightness near the corner; with `source` it works on one class only.",
  source: "Gu et al. 2017, arXiv:1708.06733; source-specific: Tang et al. 2021, arXiv:1908.00686 (TaCT)",
  cleanLabel: false,
  sourceClass: ({ source }) => source,
  coverRate: ({ coverRate }) => coverRate,
  trigger(config, shape) {
    const block = blockOf(config, shape);
    const stamp = (images: Float32Array) => stampBlocks({ images, shape }, [block], () => config.value);
    return { apply: ({ images }) => stamp(images), cover: ({ images }) => stamp(images) };
  },
};
