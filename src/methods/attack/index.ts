/** @file The table of attacks. An attack exists when it is listed here. */

import { byId, defineFamily } from "../family.ts";
import { normFacts } from "../method.ts";
import { fgsm } from "./fgsm.ts";
import { pgd } from "./pgd.ts";
import { square } from "./square.ts";
import type { Attack } from "./types.ts";

export const attacks: readonly Attack[] = [fgsm, pgd, square];

export const attackFamily = defineFamily<Attack>({
  id: "attack",
  verb: "attack",
  noun: "method",
  about:
    "attacks look for inputs in the set that the network gets wrong: what they find is certain, what they miss is not safe",
  methods: attacks,
  standard: attacks.filter(({ standard }) => standard),
  use: ({ id }) => `assay attack MODEL --data DATA --epsilon 0.1 --method ${id}`,
  ...normFacts,
});

/** @throws Error for a name that is not listed; user input is checked before */
export const attackOf = (id: string): Attack => byId(attackFamily, id);

/** What runs where no attack is named. */
export const standardAttack: Attack = attackFamily.standard[0]!;
