/** @file The table of poisonings: everything that lists or finds one goes through here. */

import { adaptiveBlend } from "./adaptive-blend.ts";
import { blended } from "./blended.ts";
import { bpp } from "./bpp.ts";
import { checkerboard } from "./checkerboard.ts";
import type { PoisonConfig, PoisonOf } from "./config.ts";
import { labelConsistent } from "./label-consistent.ts";
import { patch } from "./patch.ts";
import { pixels } from "./pixels.ts";
import { sig } from "./sig.ts";
import type { PoisonKind } from "./types.ts";
import { wanet } from "./wanet.ts";

const table: { readonly [K in PoisonConfig["kind"]]: PoisonKind<PoisonOf<K>> } = {
  patch,
  checkerboard,
  pixels,
  blended,
  "adaptive-blend": adaptiveBlend,
  sig,
  "label-consistent": labelConsistent,
  wanet,
  bpp,
};

export const poisonKinds: readonly PoisonKind[] = Object.values(table) as unknown as readonly PoisonKind[];

/** The kind that options ask for; it takes options of that kind. */
export const poisonKindOf = ({ kind }: PoisonConfig): PoisonKind => table[kind] as unknown as PoisonKind;
