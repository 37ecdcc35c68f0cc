/** @file What a verb runs where no method or option of a method is stated, in words, from the tables of methods: for help and docs. */

import { attackFamily, standardAttack } from "../methods/attack/index.ts";
import type { Attack } from "../methods/attack/types.ts";
import { backdoorFamily, standardDetectors } from "../methods/backdoor/index.ts";
import { auditVerifiers, verifyFamily } from "../methods/verify/index.ts";
import type { OptionKey } from "./options.ts";

export type Words = Partial<Readonly<Record<OptionKey, string>>>;

const idsOf = (methods: readonly { readonly id: string }[]): string => methods.map(({ id }) => id).join(", ");

/** The standard attack's value, and those of the others where they differ: "40; 500 for square". */
function valueText(name: string, first: Attack): string {
  const value = first.settings[name];
  const others = attackFamily.methods.filter(
    ({ id, settings }) => id !== first.id && name in settings && settings[name] !== value,
  );
  return [`${value}`, ...others.map(({ id, settings }) => `${settings[name]} for ${id}`)].join("; ");
}

const inAudits = (name: string): string => `${{ ...standardAttack.settings, ...standardAttack.inAudits }[name]}`;

const withTraining = standardDetectors(true).length > standardDetectors().length;

const WORDS: Readonly<Record<string, Words>> = {
  attack: {
    method: idsOf(attackFamily.standard),
    restarts: valueText("restarts", standardAttack),
    steps: valueText("steps", standardAttack),
    loss: valueText("loss", standardAttack),
  },
  certify: { method: idsOf(verifyFamily.standard) },
  compare: { method: idsOf(verifyFamily.standard) },
  audit: {
    method: idsOf([standardAttack, ...auditVerifiers]),
    restarts: inAudits("restarts"),
    steps: inAudits("steps"),
    sample: "500",
    gate: "0.5 with --profile robust",
  },
  backdoor: {
    detector: `${idsOf(backdoorFamily.standard)}${withTraining ? "; with --training also those that search it" : ""}`,
  },
};

export const standardWords = (verb: string): Words => WORDS[verb] ?? {};
