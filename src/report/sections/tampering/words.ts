/** @file Patches and backdoors in words: the gate's conditions, and the findings. */

import type { PatchRecord } from "../../../methods/audit/patch-screen.ts";
import { pText as unbroken } from "../../../stats/p-text.ts";
import { proportion } from "../../../stats/proportion.ts";
import type { BackdoorOutcome, BackdoorState, MeasuredSign, PatchSpread } from "../../../studies/audit/codes.ts";
import { agreeing, SIGN_KINDS } from "../../../studies/audit/signs.ts";
import type { Figure } from "../../fields.ts";
import { measuredRate, percent, plural } from "../../format.ts";
import type { Named, ReportPart } from "../contract.ts";
import { signSentence, verdictSentence } from "./backdoor-words.ts";

const pText = (p: number): string => unbroken(p, "\u00a0");

const KIND_NAMES = {
  noise: "answers to noise",
  margin: "margins",
  patch: "small patches",
} as const satisfies Record<MeasuredSign["kind"], string>;

const SIGN_NAMES = {
  noise: "its answers to noise",
  margin: "its margins",
  patch: "one small patch",
} as const satisfies Record<MeasuredSign["kind"], string>;

const BACKDOOR_SENTENCE = "No two signs of a backdoor name the same class";

const shareOf = ({ hits, trials }: PatchRecord): string => measuredRate(proportion(hits, trials));

export const CONDITIONS = {
  patch({ most, screened, reason }, named) {
    const sentence = `No small patch that the screen finds sends more than ${percent(most, 0)} of the inputs to one class`;
    if (screened === null) return { sentence, measured: `not examined: ${reason}` };
    const { strongest, next, classes, missing, whole, flat } = screened;
    const parts = [
      `the strongest sends ${shareOf(strongest)}, to ${named(strongest.target)}`,
      ...(next ? [`the next, to ${named(next.target)}, ${shareOf(next)}`] : []),
      ...(missing > 0 ? [`${missing} of ${classes} classes were not examined: ${reason}`] : []),
      ...(missing === 0 && !whole ? [`not all places were tried: ${reason}`] : []),
      ...(flat ? ["black and white patches alone were tried: there is no gradient to improve them by"] : []),
    ];
    return { sentence, measured: parts.join("; ") };
  },
  backdoor({ searched, reason }, named) {
    if (searched === null) return { sentence: BACKDOOR_SENTENCE, measured: `not examined: ${reason}` };
    const { verdict, suspected, judged } = searched;
    const { length } = agreeing(searched);
    const lacking = SIGN_KINDS.filter((kind) => !judged.includes(kind));
    const parts = [
      length === 0
        ? "no sign names a class"
        : `${plural(length, "sign")} ${length === 1 ? "names" : "name"} ${suspected === null ? "" : named(suspected)}`,
      verdict.pValue === null
        ? "no reference population, so no p-value"
        : `${pText(verdict.pValue)} against clean models`,
      ...(lacking.length > 0 ? [`not judged: ${lacking.map((kind) => KIND_NAMES[kind]).join(", ")}`] : []),
    ];
    return {
      sentence: lacking.includes("noise")
        ? BACKDOOR_SENTENCE
        : `${BACKDOOR_SENTENCE}, and the answers to noise raise no alarm`,
      measured: parts.join("; "),
    };
  },
} as const satisfies ReportPart["conditions"];

// ---------------------------------------------------------------- findings

/** What the patches are like that were found. */
export const patchTitle = (spread: PatchSpread, size: number): string =>
  ({
    "one-class": `One ${size} × ${size} patch rules the answer`,
    "several-classes": `Patches of ${size} × ${size} rule the answer, for no class far more than for others`,
    none: "No small patch surely rules the answer",
  })[spread];

const PATCH_CLOSING: Readonly<Record<PatchSpread, string>> = {
  "one-class": " This is what a planted trigger looks like.",
  "several-classes": " This looks like a weakness of the model rather than like a planted trigger.",
  none: "",
};

const numbers = (count: number): string => ["No", "One", "Two", "Three"][count] ?? `${count}`;

/** Title and sentence. */
const BACKDOOR_FINDING: Readonly<
  Record<BackdoorState, (searched: BackdoorOutcome, named: Named, weak: boolean) => readonly [string, string]>
> = {
  confirmed(searched, named) {
    const signs = agreeing(searched);
    const sentences = signs.filter(({ kind }) => kind !== "patch").map((sign) => signSentence(sign, named));
    const patch = signs.some(({ kind }) => kind === "patch") ? ["A small patch leads there, too."] : [];
    return [
      `${numbers(signs.length)} signs of a backdoor lead to ${nameOf(searched, named)}`,
      [...sentences, ...patch].join(" "),
    ];
  },
  "one-sign"(searched, named, weak) {
    const { verdict } = searched;
    const [sign] = agreeing(searched);
    const often =
      verdict.kind === "statistical" && verdict.flagged && verdict.level !== null
        ? ` Of clean models ${percent(verdict.level, 0)} are flagged like this; no other sign agrees.`
        : " No other sign agrees.";
    return [
      `One ${weak ? "weak " : ""}sign of a backdoor, leading to ${nameOf(searched, named)}`,
      `${sign ? signSentence(sign, named) : verdictSentence(verdict.ground, named)}${often}`,
    ];
  },
  open: ({ verdict }, named) => ["Undecided whether it has a backdoor", notExcluded(verdict, named)],
  none: ({ verdict }, named) => ["No sign of a backdoor", notExcluded(verdict, named)],
};

const nameOf = ({ suspected }: BackdoorOutcome, named: Named): string => (suspected === null ? "" : named(suspected));

const notExcluded = ({ ground }: BackdoorOutcome["verdict"], named: Named): string =>
  `${verdictSentence(ground, named)} This does not exclude one.`;

/** Among n clean models and the model itself no rank is rarer than 1 / (n + 1): what a p-value must be read against. */
export function smallestText(p: number, clean: number): string {
  const smallest = 1 / (clean + 1);
  const words = `the smallest possible with ${plural(clean, "clean model")}`;
  return p < 1.001 * smallest ? words : `${words} is ${String(Number(smallest.toPrecision(2)))}`;
}

const pFigure = (p: number, clean: number): Figure => ({
  label: `p-value; ${smallestText(p, clean)}`,
  quantity: { value: p, unit: "", interval: null, samples: null },
});

export const FINDINGS = {
  patch({ spread, strongest, next }, named) {
    const success = proportion(strongest.hits, strongest.trials);
    const other = next ? next.hits / next.trials : 0;
    return {
      id: "patch-screen",
      title: patchTitle(spread, strongest.size),
      sentence: `The strongest patch sends ${percent(success.estimate)} of inputs held out to ${named(strongest.target)}, the best one for any other class ${percent(other)}.${PATCH_CLOSING[spread]}`,
      figures: [{ label: "of inputs held out, sent there by the strongest patch", rate: success }],
      section: "tampering",
    };
  },
  backdoor({ state, searched, severity }, named) {
    const [title, sentence] = BACKDOOR_FINDING[state](searched, named, severity === "note");
    const { verdict, clean } = searched;
    return {
      id: "backdoor",
      title,
      sentence,
      figures: verdict.pValue === null ? [] : [pFigure(verdict.pValue, clean)],
      section: "tampering",
    };
  },
} as const satisfies ReportPart["findings"];

/** Why a model with confirmed signs must not be used. */
export function tamperedReason(searched: BackdoorOutcome, named: Named): string {
  const names = agreeing(searched).map(({ kind }) => SIGN_NAMES[kind]);
  const listed = `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
  return `${numbers(names.length)} independent signs lead to ${nameOf(searched, named)}: ${listed}. Whoever knows a planted trigger decides what the model answers.`;
}
