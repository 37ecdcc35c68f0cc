/** @file The decision in words. */

import type { Judgement, Outcome, Radius } from "../../studies/audit/codes.ts";
import { epsilonText, plural } from "../format.ts";
import type { Decision, GateCondition } from "../schema.ts";
import type { Named } from "../sections/contract.ts";
import { conditionWords } from "../sections/page.ts";
import { tamperedReason } from "../sections/tampering/words.ts";

const OUTCOMES = {
  met: "met",
  "not-met": "failed",
  undecided: "undecided",
} as const satisfies Record<Outcome, GateCondition["outcome"]>;

/** @param radius that the gate is about */
export function decisionText(
  { kind, ground, conditions }: Judgement,
  { norm, epsilon }: Radius,
  named: Named,
): Decision {
  const worded = conditions.map(
    (own): GateCondition => ({ ...conditionWords(own, named), outcome: OUTCOMES[own.outcome] }),
  );
  const having = (outcome: Outcome) => worded.filter((_, i) => conditions[i]!.outcome === outcome);
  const gate = { name: `default gate at ${norm} ${epsilonText(epsilon)}`, conditions: worded };
  switch (kind) {
    case "do-not-ship": {
      const searched = conditions
        .map((own) => (own.id === "backdoor" ? own.searched : null))
        .find((own) => own !== null);
      return {
        kind,
        gate,
        ...FAILED[ground](having("not-met"), () => (searched ? tamperedReason(searched, named) : "")),
      };
    }
    case "cannot-tell": {
      const open = having("undecided");
      const unsettled = conditions.filter(({ outcome }) => outcome === "undecided");
      const weak = unsettled.some((own) => own.id === "patch" && own.screened?.next != null);
      return {
        kind,
        headline: "The evidence does not reach",
        reason: `Nothing fails the gate, but ${open.map(({ sentence, measured }) => `“${sentence}” is not settled (${measured})`).join("; ")}.`,
        gate,
        nextSteps: [
          ...(unsettled.some(({ id }) => id === "backdoor") ? [BACKDOOR_STEP] : []),
          ...(weak ? [WEAKNESS_STEP] : []),
          ...OPEN_STEPS,
        ],
      };
    }
    case "ship":
      return {
        kind,
        headline: "It passes the gate",
        reason: "Every condition of the gate is met by measurements whose intervals lie on the right side of it.",
        gate,
        nextSteps: SHIP_STEPS,
      };
    default:
      throw new Error(`unreachable: ${kind satisfies never}`);
  }
}

const PATCH_STEPS = [
  "Ask where the model and its training data come from, and look for the patch among the training inputs of the class it leads to.",
  "Train again from data you control, and audit the new file.",
];
const BACKDOOR_STEP =
  "Look at the section on tampering: it says what was examined for a backdoor and what was not. A sign alone turns up in clean models too, so get a second opinion.";
const WEAKNESS_STEP =
  "Where patches for several classes rule the answer, the model is weak against them: ask whether anyone can put one before the camera.";
const FAILED_STEPS = [
  "Look at the adversarial examples: would such changes occur, or be made, where the model is used?",
  "Train for robustness (`assay train` with an adversarial or certified recipe), and audit the new file.",
  "If small changes cannot occur where it is used, state another gate (--epsilon, --gate) and say why.",
];
const OPEN_STEPS = [
  "Use more inputs (--sample), which narrows the intervals.",
  "Strengthen both sides: more attack steps and restarts, a tighter verifier.",
];
const SHIP_STEPS = [
  "Keep the report with the model file: the decision holds for the file with this sha256 alone.",
  "Audit again on data from where it is used.",
];

/** Why it must not be shipped, by what that rests on. */
const FAILED: Readonly<
  Record<
    Judgement["ground"],
    (failed: readonly GateCondition[], tampered: () => string) => Pick<Decision, "headline" | "reason" | "nextSteps">
  >
> = {
  backdoor: (_, tampered) => ({
    headline: "Signs of a planted backdoor",
    reason: tampered(),
    nextSteps: PATCH_STEPS,
  }),
  patch: () => ({
    headline: "A small patch decides its answer",
    reason:
      "One and the same small patch sends most inputs of other classes to one class. Whoever knows the patch decides what the model answers, however it came to be.",
    nextSteps: PATCH_STEPS,
  }),
  gate: (failed) => ({
    headline: "It fails the gate",
    reason: `${plural(failed.length, "condition")} of the gate ${failed.length === 1 ? "fails" : "fail"}: ${failed.map(({ sentence, measured }) => `“${sentence}” (${measured})`).join("; ")}.`,
    nextSteps: FAILED_STEPS,
  }),
};
