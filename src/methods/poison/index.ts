/** @file The table of poisonings: everything that lists or finds one goes through here. */

import { defineFamily } from "../family.ts";
import type { MethodDescription } from "../method.ts";
import { adaptiveBlend } from "./adaptive-blend.ts";
import { blended } from "./blended.ts";
import { bpp } from "./bpp.ts";
import { checkerboard } from "./checkerboard.ts";
import { type PoisonConfig, type PoisonOf, poisonOptions } from "./config.ts";
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

/** The file of the clean network that options name, where the kind wants one. */
export const surrogateOf = (config: PoisonConfig | undefined): string | undefined =>
  config && poisonKindOf(config).surrogate?.(config);

interface Listed extends MethodDescription, Omit<PoisonKind, keyof MethodDescription> {}

const listed: readonly Listed[] = poisonKinds.map((own) => ({ ...own, id: own.kind }));

export const poisonFamily = defineFamily<Listed>({
  id: "poison",
  verb: "train",
  noun: "poisoning",
  about: "poisonings plant backdoors in training sets: what detectors are tested on",
  methods: listed,
  standard: [],
  schema: ({ kind }) => poisonOptions(kind),
  use: ({ id }) => `assay train RECIPE --poison '{"kind":"${id}","rate":0.05}'`,
  pages: "training.md",
  scope: { name: "labels", of: ({ cleanLabel }) => (cleanLabel ? "stay true" : "change") },
  facts: ({ cleanLabel }) => [["Labels", cleanLabel ? "stay true" : "change"]],
  plain: ({ cleanLabel }) => ({ cleanLabel }),
});
