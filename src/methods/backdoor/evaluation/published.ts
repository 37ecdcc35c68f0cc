/** @file Settings of triggers as their papers or the papers' code state them, and where a population's are others. */

import type { Member } from "../../population/types.ts";

interface Published {
  readonly key: string;
  /** In words. */
  readonly stated: string;
  /** Values that are as published. */
  readonly values: readonly number[];
  /** Why a population may have another. */
  readonly why: string;
}

const WEAK = "networks this small hardly learn the published one (measured: the page on training)";

const PUBLISHED: Readonly<Record<string, readonly Published[]>> = {
  wanet: [
    { key: "strength", stated: "0.5", values: [0.5], why: WEAK },
    {
      key: "cross",
      stated: "2 covers a poisoned image",
      values: [2],
      why: "networks this small do not learn to tell the covers from the warp (measured: the page on training)",
    },
    { key: "rate", stated: "0.1", values: [0.1], why: WEAK },
  ],
  sig: [
    { key: "amplitude", stated: "40/255 = 0.16", values: [40 / 255], why: WEAK },
    { key: "rate", stated: "0.3, 0.6 or all of the class", values: [0.3, 0.6, 1], why: WEAK },
  ],
  "label-consistent": [
    { key: "rate", stated: "small shares of the class", values: [], why: WEAK },
    { key: "epsilon", stated: "16/255 = 0.06", values: [16 / 255], why: WEAK },
  ],
  blended: [
    { key: "alpha", stated: "0.2", values: [0.2], why: WEAK },
    { key: "rate", stated: "0.1", values: [0.1], why: WEAK },
  ],
  "adaptive-blend": [
    { key: "alpha", stated: "0.2", values: [0.2], why: WEAK },
    { key: "coverRate", stated: "0.01", values: [0.01], why: WEAK },
  ],
  bpp: [
    { key: "levels", stated: "8", values: [8], why: WEAK },
    { key: "rate", stated: "0.1", values: [0.1], why: WEAK },
  ],
};

export interface Deviation {
  readonly key: string;
  readonly published: string;
  readonly used: number;
  readonly why: string;
}

/** Of a poisoning as a population keeps it, defaults filled in. */
export function deviationsOf(poison: Member["poison"]): Deviation[] {
  if (!poison) return [];
  return (PUBLISHED[String(poison["kind"])] ?? []).flatMap(({ key, stated, values, why }) => {
    const used = poison[key];
    return typeof used !== "number" || values.includes(used) ? [] : [{ key, published: stated, used, why }];
  });
}
