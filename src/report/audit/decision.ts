/** @file The decision and its three answers in words. */

import type { Answer, Condition, Gate, Judgement, Outcome, Question } from "../../studies/audit/codes.ts";
import { plural } from "../format.ts";
import type { Decision, GateCondition } from "../schema.ts";
import type { Named } from "../sections/contract.ts";
import { conditionWords } from "../sections/page.ts";
import { tamperedReason } from "../sections/tampering/words.ts";

const OUTCOMES = {
  met: "met",
  "not-met": "failed",
  undecided: "undecided",
} as const satisfies Record<Outcome, GateCondition["outcome"]>;

/** The questions, and what their outcomes are called. */
const QUESTIONS = {
  tampering: {
    question: "Was it tampered with?",
    met: "No sign found",
    "not-met": "It looks tampered with",
    undecided: "Cannot tell",
  },
  reliability: {
    question: "Is it reliable on ordinary inputs?",
    met: "Yes",
    "not-met": "No",
    undecided: "Cannot tell",
  },
  robustness: {
    question: "Does it resist adversaries?",
    met: "Yes",
    "not-met": "No",
    undecided: "Cannot tell",
  },
} as const satisfies Record<Question, Record<Outcome | "question", string>>;

/** @param searching what the search for a backdoor advises */
export function decisionText(
  judgement: Judgement,
  gate: Gate,
  named: Named,
  searching: readonly string[] = [],
): Decision {
  const { kind, ground } = judgement;
  const deciding = judgement.answers.filter(({ decides }) => decides).flatMap(({ conditions }) => conditions);
  const worded = (own: Condition): GateCondition => ({
    ...conditionWords(own, named),
    outcome: OUTCOMES[own.outcome],
    decides: deciding.includes(own),
  });
  const having = (outcome: Outcome) => deciding.filter((own) => own.outcome === outcome).map(worded);
  const common = {
    kind,
    answers: judgement.answers.map((own) => answerText(own, named)),
    gate: { name: `${gate.name} gate`, conditions: judgement.conditions.map(worded) },
  };
  switch (kind) {
    case "do-not-ship": {
      const searched = searchedOf(judgement.conditions);
      const reason = () => (searched ? tamperedReason(searched, named) : "");
      return { ...common, ...FAILED[ground](having("not-met"), reason) };
    }
    case "cannot-tell": {
      const unsettled = deciding.filter(({ outcome }) => outcome === "undecided");
      const weak = unsettled.some((own) => own.id === "patch" && own.screened?.next != null);
      return {
        ...common,
        headline: "The evidence does not reach",
        reason: `Nothing fails the gate, but ${having("undecided")
          .map(({ sentence, measured }) => `“${sentence}” is not settled (${measured})`)
          .join("; ")}.`,
        nextSteps: [
          ...(unsettled.some(({ id }) => id === "backdoor") ? [BACKDOOR_STEP, ...searching] : []),
          ...(weak ? [WEAKNESS_STEP] : []),
          ...OPEN_STEPS,
        ],
      };
    }
    case "ship": {
      const aside = judgement.answers.filter(({ decides, outcome }) => !decides && outcome !== "met");
      return {
        ...common,
        headline: "It passes the gate",
        reason: `Every condition of the gate is met by measurements whose intervals lie on the right side of it.${aside.some(({ question }) => question === "robustness") ? " Robustness to adversaries is not part of this gate." : ""}`,
        nextSteps: [...aside.flatMap(({ question }) => ASIDE_STEPS[question] ?? []), ...SHIP_STEPS],
      };
    }
    default:
      throw new Error(`unreachable: ${kind satisfies never}`);
  }
}

/** What was measured, of the conditions that gave the outcome. */
function answerText({ question, outcome, decides, conditions }: Answer, named: Named): Decision["answers"][number] {
  const carrying = conditions.filter((own) => own.outcome === outcome);
  return {
    question: QUESTIONS[question].question,
    answer: QUESTIONS[question][outcome],
    outcome: OUTCOMES[outcome],
    decides,
    measured: carrying.map((own) => {
      const { sentence, measured } = conditionWords(own, named);
      return `${sentence}: ${measured}`;
    }),
  };
}

const searchedOf = (conditions: readonly Condition[]) =>
  conditions.map((own) => (own.id === "backdoor" ? own.searched : null)).find((own) => own !== null);

const PATCH_STEPS = [
  "Ask where the model and its training data come from, and look for the patch among the training inputs of the class it leads to.",
  "Train again from data you control, and audit the new file.",
];
const BACKDOOR_STEP =
  "Look at the section on tampering: it says what was examined for a backdoor and what was not. A sign alone turns up in clean models too, so get a second opinion.";
const WEAKNESS_STEP =
  "Where patches for several classes rule the answer, the model is weak against them: ask whether anyone can put one before the camera.";
const ACCURACY_STEPS = [
  "Check how the inputs are prepared (range, mean and standard deviation, channel order, size) and the order of the classes: most low accuracies come from there.",
  "If the model is as accurate as it can be, state what is enough (--min-accuracy) and say why.",
];
const ROBUST_STEPS = [
  "Look at the adversarial examples: would such changes occur, or be made, where the model is used?",
  "Train for robustness (`assay train` with an adversarial or certified recipe), and audit the new file.",
  "If small changes cannot occur where it is used, leave robustness out of the gate (--profile default), or state another radius and share (--epsilon, --gate), and say why.",
];
const OPEN_STEPS = [
  "Use more inputs (--sample), which narrows the intervals.",
  "Strengthen both sides: more attack steps and restarts, a tighter verifier.",
];
const SHIP_STEPS = [
  "Keep the report with the model file: the decision holds for the file with this sha256 alone.",
  "Audit again on data from where it is used.",
];
/** Where a question that does not decide has no good answer. */
const ASIDE_STEPS: Partial<Readonly<Record<Question, readonly string[]>>> = {
  robustness: [
    "Ask whether anyone would gain by fooling it: small changes are not resisted. Where that matters, audit it with --profile robust.",
  ],
};

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
  unreliable: (failed) => ({
    headline: "It is not reliable on ordinary inputs",
    reason: failedText(failed),
    nextSteps: ACCURACY_STEPS,
  }),
  robust: (failed) => ({
    headline: "It does not resist small changes",
    reason: failedText(failed),
    nextSteps: ROBUST_STEPS,
  }),
};

const failedText = (failed: readonly GateCondition[]): string =>
  `${plural(failed.length, "condition")} of the gate ${failed.length === 1 ? "fails" : "fail"}: ${failed.map(({ sentence, measured }) => `“${sentence}” (${measured})`).join("; ")}.`;
