/** @file The search for a backdoor in sentences: the answer, its ground, what to do next, and what it leaves open. */

import { type BackdoorResult, type Sign, signsFor } from "../../methods/audit/tampering.ts";
import { FALSE_ALARMS } from "../../methods/backdoor/decision.ts";
import { pText as unbroken } from "../../stats/p-text.ts";
import { numberText, percent, plural } from "../format.ts";
import { agreeing, isConfirmed, tamperingSeverity } from "../read.ts";
import type { Finding, GateCondition } from "../schema.ts";
import type { BackdoorScan } from "../sections/tampering/schema.ts";

/** The name of a class. */
export type Named = (label: number) => string;

const pText = (p: number): string => unbroken(p, "\u00a0");

/** "none of 60 clean models leans", "3 of 60 clean models lean" */
function leaning({ pValue, clean }: { readonly pValue: number; readonly clean: number }): string {
  const as = Math.round(pValue * (clean + 1)) - 1;
  return as === 0
    ? `none of ${clean} clean models leans`
    : `${as} of ${clean} clean models ${as === 1 ? "leans" : "lean"}`;
}

export function verdictSentence({ decision, examined }: BackdoorResult, named: Named): string {
  const { lean, flagged, target } = decision;
  if (lean) {
    const seen = `${leaning(lean)} as far to any class (${pText(lean.pValue)})`;
    if (flagged === null && decision.pValue !== null && lean.threshold !== null)
      return `Noise pulls the model further than clean models (${pText(lean.pValue)}), but towards several classes at once. So it does with models that were trained in another way, and with backdoors into several classes.`;
    if (flagged === null)
      return `Noise pulls the model towards ${named(lean.target)}; ${seen}. So few clean models cannot tell an alarm from chance.`;
    return flagged
      ? `Noise pulls the model towards ${named(lean.target)} as it pulls hardly any clean model: ${seen}.`
      : `Noise pulls the model no further than clean models, furthest towards ${named(lean.target)}: ${seen}.`;
  }
  const margins = examined.find(({ detector }) => detector.id === "mm-bd")?.detection;
  const ground = "without clean models to compare with, that is a rule of thumb";
  if (margins?.flagged == null)
    return "Nothing is known: no clean models to compare with, and no detector with a rule of its own that holds for every model.";
  if (!margins.flagged) return `By the margins of its classes (MM-BD) none stands out; ${ground}.`;
  const led = flagged ? "and noise leads to the same class" : "but noise does not lead there";
  return `By the margins of its classes (MM-BD) ${target === null ? "one" : named(target)} stands out, ${led}; ${ground}.`;
}

export function signSentence(
  { decision, examined, trigger, reference }: BackdoorResult,
  { kind, label }: Sign,
  named: Named,
  obeyed: { readonly label: number; readonly sentence: string } | undefined,
): string {
  switch (kind) {
    case "noise":
      return decision.lean
        ? `Under noise it leans to ${named(label)}: ${leaning(decision.lean)} as far to any class (${pText(decision.lean.pValue)}).`
        : `Noise leads to ${named(label)}.`;
    case "margin": {
      const p = decision.perDetector["mm-bd"] ?? null;
      const own = examined.find(({ detector }) => detector.id === "mm-bd")?.detection.pValue ?? null;
      if (p !== null && reference) {
        const as = Math.round(p * (reference.clean + 1)) - 1;
        const seen = as === 0 ? "none" : `${as}`;
        return `The margin of ${named(label)} can be raised far above the other classes'; ${seen} of ${reference.clean} clean models ${as > 1 ? "have" : "has"} a class that stands out as far (${pText(p)}).`;
      }
      const test = `${own === null ? "flagged" : pText(own)} by MM-BD's own test, which flags clean models too, one in three to one in ten`;
      return `The margin of ${named(label)} can be raised far above the other classes': ${test}.`;
    }
    case "patch":
      if (obeyed?.label === label) return obeyed.sentence;
      return trigger
        ? `A trigger of ${numberText(trigger.l1)} pixels sends ${percent(trigger.hits / trigger.trials)} of inputs that its search had not seen to ${named(label)}.`
        : `A small patch leads to ${named(label)}.`;
    default:
      throw new Error(`unreachable: ${kind satisfies never}`);
  }
}

/** What a person should do next, most useful first. */
export function nextStepsOf({ decision, reference }: BackdoorResult, signs: readonly Sign[], named: Named): string[] {
  const label = decision.flagged === true && decision.target !== null ? decision.target : signs[0]?.label;
  const calibrate =
    reference?.unused === null
      ? []
      : [
          "Train clean models of the same task and architecture (`assay population`) and audit again with --reference: the answer then has a known rate of false alarms.",
        ];
  if (label === undefined) {
    return [
      "Ask where the model and its training data come from. What this search cannot see (below), only their history rules out.",
      ...calibrate,
    ];
  }
  const alone = signsFor(signs, label).length < 2;
  return [
    alone
      ? `Do not take this for proof: one sign alone turns up in clean models too${decision.kind === "statistical" ? ` (this one in ${percent(FALSE_ALARMS, 0)} of them)` : ""}. Get a second opinion before the model is refused or used.`
      : "Do not use the model until this is explained.",
    `Look at the pictures here: is there a mark that no ${named(label)} should need? Ask for the training data, and search its inputs labelled ${named(label)} for that mark.`,
    "With the training data, `assay backdoor MODEL --data DATA --training TRAINING` names the inputs under suspicion. Take them out, train again, audit the new file.",
    "`assay backdoor MODEL --data DATA --detector neural-cleanse` searches a trigger for every class: a planted one is far smaller than the others.",
    ...calibrate,
  ];
}

/** What the answer leaves open, and what else can cause it. */
export function limitsOf({ examined, population, facts }: BackdoorResult): string[] {
  const tempered = examined.find(({ detector }) => detector.id === "titration")?.detection.evidence["tempered"];
  return [
    "A clean result does not exclude a backdoor. Triggers that work for inputs of one class only, or differ from input to input, can leave little trace in answers to noise.",
    "A clean model may look suspicious: one trained on other pictures, on fewer, on unequal classes or wrong labels, with noise or adversarially.",
    ...(population
      ? [
          "The p-value holds for a model trained as the reference's were: same data, same recipe, another seed. A model from elsewhere may differ from them for harmless reasons.",
        ]
      : []),
    ...(tempered
      ? [
          "Curves count sure answers, so a model whose confidence is scaled has other curves without answering anything differently; the lean does not change with it.",
        ]
      : []),
    ...(facts.geometry ? [] : ["The inputs are not pictures: no patch and no picture of a trigger was searched for."]),
  ];
}

// ---------------------------------------------------------------- finding and gate

export function backdoorFinding(scan: BackdoorScan, named: Named): Finding {
  const { verdict, suspected, reference } = scan;
  const signs = agreeing(scan);
  const calibrated = verdict.kind === "statistical";
  const shared = {
    id: "backdoor",
    // two signs always hold one that was measured: against clean models, or as a share of unseen inputs
    evidence: calibrated || isConfirmed(scan) ? ("statistical" as const) : ("heuristic" as const),
    figures:
      verdict.pValue === null
        ? []
        : [
            {
              label: "p-value against clean models",
              quantity: { value: verdict.pValue, unit: "", interval: null, samples: reference?.clean ?? 0 },
            },
          ],
    section: "tampering" as const,
  };
  const name = suspected === null ? "" : named(suspected);
  if (isConfirmed(scan)) {
    const [measured, patch] = [
      signs.filter(({ kind }) => kind !== "patch"),
      signs.some(({ kind }) => kind === "patch"),
    ];
    return {
      ...shared,
      title: `${numbers(signs.length)} signs of a backdoor lead to ${name}`,
      sentence: [...measured.map((sign) => sign.sentence), ...(patch ? ["A small patch leads there, too."] : [])].join(
        " ",
      ),
      severity: "critical",
    };
  }
  if (verdict.flagged === true || signs.length > 0) {
    const severity = tamperingSeverity(scan);
    const often =
      calibrated && verdict.flagged
        ? ` Of clean models ${percent(FALSE_ALARMS, 0)} are flagged like this; no other sign agrees.`
        : " No other sign agrees.";
    return {
      ...shared,
      title: `One ${severity === "note" ? "weak " : ""}sign of a backdoor, leading to ${name}`,
      sentence: `${signs[0]?.sentence ?? verdict.reason}${often}`,
      severity,
    };
  }
  return {
    ...shared,
    title: verdict.flagged === null ? "Whether it has a backdoor is open" : "No sign of a backdoor",
    sentence: `${verdict.reason} This does not exclude one.`,
    severity: tamperingSeverity(scan),
  };
}

const SIGN_NAMES = {
  noise: "its answers to noise",
  margin: "its margins",
  patch: "one small patch",
} as const satisfies Record<Sign["kind"], string>;

/** Why a model with confirmed signs must not be used. */
export function tamperedReason(scan: BackdoorScan, named: Named): string {
  const names = agreeing(scan).map(({ kind }) => SIGN_NAMES[kind]);
  if (scan.suspected === null || names.length < 2) return "";
  const listed = `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
  return `${numbers(names.length)} independent signs lead to ${named(scan.suspected)}: ${listed}. Whoever knows a planted trigger decides what the model answers.`;
}

const numbers = (count: number): string => ["No", "One", "Two", "Three"][count] ?? `${count}`;

const BACKDOOR_SENTENCE = "No two signs of a backdoor name the same class";

/** @param reason why no search was made */
export const unexaminedBackdoor = (reason: string): GateCondition => ({
  sentence: BACKDOOR_SENTENCE,
  outcome: "undecided",
  measured: `not examined: ${reason}`,
});

/** Kinds of work that could have named a class: signs of one kind alone can never agree. */
function kindsExamined({ lean, detectors, trigger }: BackdoorScan, patched: boolean): Sign["kind"][] {
  const margins = detectors.find(({ id }) => id === "mm-bd");
  return [
    ...(lean === null ? [] : ["noise" as const]),
    ...(margins && (margins.flagged !== null || margins.pValue !== null) ? ["margin" as const] : []),
    ...(patched || trigger !== null ? ["patch" as const] : []),
  ];
}

/**
 * Confirmed signs fail. Met only where the search came to an answer, and by work of at least two kinds: what was not
 * examined, and what the detectors leave open, is undecided.
 * @param patched whether the screen for patches was made
 */
export function backdoorCondition(scan: BackdoorScan, named: Named, patched: boolean): GateCondition {
  const { verdict, suspected } = scan;
  const signs = agreeing(scan);
  const name = suspected === null ? "" : named(suspected);
  const counted =
    signs.length === 0
      ? "no sign names a class"
      : `${plural(signs.length, "sign")} ${signs.length === 1 ? "names" : "name"} ${name}`;
  const kinds = kindsExamined(scan, patched);
  const settled = verdict.flagged === false && kinds.length >= 2;
  const lacking = (["noise", "margin", "patch"] as const).filter((kind) => !kinds.includes(kind));
  const against =
    verdict.pValue === null
      ? "no reference population, so no p-value"
      : `${pText(verdict.pValue)} against clean models`;
  return {
    sentence: lacking.includes("noise")
      ? BACKDOOR_SENTENCE
      : `${BACKDOOR_SENTENCE}, and the answers to noise raise no alarm`,
    outcome: isConfirmed(scan) ? "failed" : settled ? "met" : "undecided",
    measured: [
      counted,
      against,
      ...(lacking.length > 0 ? [`not judged: ${lacking.map((kind) => KIND_NAMES[kind]).join(", ")}`] : []),
    ].join("; "),
  };
}

const KIND_NAMES = {
  noise: "answers to noise",
  margin: "margins",
  patch: "small patches",
} as const satisfies Record<Sign["kind"], string>;
