/** @file The search for a backdoor in sentences: the answer, its signs, what to do next, and what it leaves open. */

import type { BackdoorResult } from "../../../methods/audit/tampering.ts";
import { pText as unbroken } from "../../../stats/p-text.ts";
import type { BackdoorOutcome, MeasuredSign, PatchFound, Shift, VerdictGround } from "../../../studies/audit/codes.ts";
import { numberText, percent } from "../../format.ts";
import type { Named } from "../contract.ts";

const pText = (p: number): string => unbroken(p, "\u00a0");

/** "none of 60 clean models leans", "3 of 60 clean models lean" */
const leaning = ({ asFar, clean }: Shift): string =>
  asFar === 0
    ? `none of ${clean} clean models leans`
    : `${asFar} of ${clean} clean models ${asFar === 1 ? "leans" : "lean"}`;

const RULE_OF_THUMB = "without clean models to compare with, that is a rule of thumb";

export function verdictSentence(ground: VerdictGround, named: Named): string {
  const seen = (shift: Shift) => `${leaning(shift)} as far to any class (${pText(shift.pValue)})`;
  switch (ground.code) {
    case "several-classes":
      return `Noise pulls the model further than clean models (${pText(ground.shift.pValue)}), but towards several classes at once. So it does with models that were trained in another way, and with backdoors into several classes.`;
    case "too-few-clean":
      return `Noise pulls the model towards ${named(ground.label)}; ${seen(ground.shift)}. So few clean models cannot tell an alarm from chance.`;
    case "shifted":
      return `Noise pulls the model towards ${named(ground.label)} as it pulls hardly any clean model: ${seen(ground.shift)}.`;
    case "not-shifted":
      return `Noise pulls the model no further than clean models, furthest towards ${named(ground.label)}: ${seen(ground.shift)}.`;
    case "nothing-known":
      return "Nothing is known: no clean models to compare with, and no detector with a rule of its own that holds for every model.";
    case "no-margin":
      return `By the margins of its classes (MM-BD) none stands out; ${RULE_OF_THUMB}.`;
    case "margin": {
      const led = ground.agrees ? "and noise leads to the same class" : "but noise does not lead there";
      return `By the margins of its classes (MM-BD) ${ground.label === null ? "one" : named(ground.label)} stands out, ${led}; ${RULE_OF_THUMB}.`;
    }
    default:
      throw new Error(`unreachable: ${ground satisfies never}`);
  }
}

export function signSentence(sign: MeasuredSign, named: Named): string {
  const name = named(sign.label);
  switch (sign.kind) {
    case "noise":
      return sign.shift
        ? `Under noise it leans to ${name}: ${leaning(sign.shift)} as far to any class (${pText(sign.shift.pValue)}).`
        : `Noise leads to ${name}.`;
    case "margin":
      return `The margin of ${name} can be raised far above the other classes'${marginText(sign)}.`;
    case "patch":
      return sign.found ? `${patchText(sign.found)} to ${name}.` : `A small patch leads to ${name}.`;
    default:
      throw new Error(`unreachable: ${sign satisfies never}`);
  }
}

function marginText({ pValue, clean }: Extract<MeasuredSign, { kind: "margin" }>): string {
  if (clean !== null && pValue !== null) {
    const as = Math.round(pValue * (clean + 1)) - 1;
    const seen = as === 0 ? "none" : `${as}`;
    return `; ${seen} of ${clean} clean models ${as > 1 ? "have" : "has"} a class that stands out as far (${pText(pValue)})`;
  }
  return `: ${pValue === null ? "flagged" : pText(pValue)} by MM-BD's own test, which flags clean models too, one in three to one in ten`;
}

const patchText = (found: PatchFound): string =>
  "side" in found
    ? `One patch of ${found.side} × ${found.side} pixels sends ${percent(found.success)} of inputs that the search had not seen`
    : `A trigger of ${numberText(found.size)} pixels sends ${percent(found.success)} of inputs that its search had not seen`;

/** How to come by a reference, for any model that can be trained again or has clean relatives. */
export const REFERENCE_ADVICE =
  "Scan clean models of the same task and architecture of your own with `assay population --from FILES --data DATA`, or train such with `assay population --like MODEL --training TRAINING --data DATA`";

/** What a person should do next, most useful first. */
export function nextStepsOf(
  { reference }: BackdoorResult,
  { verdict, signs }: BackdoorOutcome,
  named: Named,
): string[] {
  const label = verdict.flagged === true && verdict.target !== null ? verdict.target : signs[0]?.label;
  const calibrate =
    reference?.unused === null
      ? []
      : [`${REFERENCE_ADVICE}, and audit again with --reference: the answer then has a known rate of false alarms.`];
  if (label === undefined) {
    return [
      "Ask where the model and its training data come from. What this search cannot see (below), only their history rules out.",
      ...calibrate,
    ];
  }
  const alone = signs.filter((sign) => sign.label === label).length < 2;
  return [
    alone
      ? `Do not take this for proof: one sign alone turns up in clean models too${verdict.kind === "statistical" && verdict.level !== null ? ` (this one in ${percent(verdict.level, 0)} of them)` : ""}. Get a second opinion before the model is refused or used.`
      : "Do not use the model until this is explained.",
    `Look at the pictures here: is there a mark that no ${named(label)} should need? Ask for the training data, and search its inputs labelled ${named(label)} for that mark.`,
    "With the training data, `assay backdoor MODEL --data DATA --training TRAINING` names the inputs under suspicion. Take them out, train again, audit the new file.",
    "`assay backdoor MODEL --data DATA --detector neural-cleanse` searches a trigger for every class: a planted one is far smaller than the others.",
    ...calibrate,
  ];
}
