/** @file The findings of an audit in words, each with its kind of evidence. */

import type { Notice } from "../../data/notice.ts";
import { type Patch, stampPatch } from "../../methods/audit/patch-screen.ts";
import { type Geometry, planar } from "../../methods/audit/picture.ts";
import type { PatchResult } from "../../methods/audit/types.ts";
import { type Proportion, proportion } from "../../stats/proportion.ts";
import type { Picture, Severity } from "../fields.ts";
import { epsilonText, percent, plural } from "../format.ts";
import { pictureOf } from "../pictures.ts";
import type { Finding } from "../schema.ts";
import type { Suspicion } from "../sections/tampering/schema.ts";
import { byObedience, type Evidence, type Gate, leadOf, obeys, ruledClass, STANDS_OUT } from "./decide.ts";

/** How the outcome of a two-sided comparison with a threshold is shown. */
const severityOf = (good: boolean, bad: boolean): Severity => (good ? "good" : bad ? "critical" : "warning");

export function accuracyFinding(accuracy: Proportion, { accuracy: least }: Gate): Finding {
  const good = accuracy.lower >= least;
  const bad = accuracy.upper < least;
  return {
    id: "clean",
    title: good
      ? "Accurate on ordinary inputs"
      : bad
        ? "Not accurate enough on ordinary inputs"
        : "Accuracy near the gate",
    sentence: `On unchanged inputs ${percent(accuracy.estimate)} of the answers are right; the gate asks for ${percent(least, 0)}.`,
    evidence: "statistical",
    severity: severityOf(good, bad),
    figures: [{ label: "clean accuracy", rate: accuracy }],
    section: "data",
  };
}

/** What the clean answers say against relying on the other numbers. */
export const noticeFinding = ({ id, title, sentence, outcome }: Notice): Finding => ({
  id,
  title,
  sentence,
  evidence: "statistical",
  severity: outcome === "failed" ? "critical" : "warning",
  figures: [],
  section: "data",
});

export function attackFinding({ headline, norm }: Evidence, { robust }: Gate): Finding | undefined {
  const { attackedUpper, counts, epsilon } = headline;
  if (attackedUpper === null) return undefined;
  const failed = attackedUpper.upper < robust;
  return {
    id: "attack",
    title: failed
      ? "Small changes overturn most answers"
      : `Small changes overturn ${counts.falsified} of ${counts.correct} answers`,
    sentence: `Within ${norm} ${epsilonText(epsilon)} the attacks turned ${plural(counts.falsified, "right answer")} of ${counts.correct} into wrong ones; each of these inputs was run again on the model file.`,
    evidence: "attacked",
    severity: failed ? "critical" : counts.falsified > 0 ? "warning" : "note",
    figures: [{ label: "still right after every attack", rate: attackedUpper }],
    section: "robustness",
  };
}

/** In real arithmetic nothing is proved, so it is never called that. */
export function proofFinding({ headline, norm, arithmetic }: Evidence, { robust }: Gate): Finding | undefined {
  const { certifiedLower, counts, epsilon } = headline;
  if (certifiedLower === null) return undefined;
  const real = arithmetic === "real";
  const good = !real && certifiedLower.lower >= robust;
  const set = `within ${norm} ${epsilonText(epsilon)}`;
  const word = real ? "bounded" : "proved";
  const open = `${counts.unknown} of ${counts.correct} are neither ${word} nor broken.`;
  const held = real
    ? `By bounds in real arithmetic no change ${set} alters the answer for ${plural(counts.certified, "input")}. They leave out rounding, so they prove nothing of the network as it runs`
    : `Whatever an attacker knows, no change ${set} alters the answer for ${plural(counts.certified, "input")}`;
  return {
    id: "certified",
    title: real
      ? `${percent(certifiedLower.estimate)} of the answers are bounded (real arithmetic)`
      : `${percent(certifiedLower.estimate)} of the answers are proved to stay`,
    sentence: `${counts.certified === 0 ? `For no input is it ${word} that changes ${set} leave the answer alone` : held}; ${open}`,
    evidence: real ? "bounded" : "proved",
    severity: good ? "good" : "note",
    figures: [{ label: real ? "bounded in real arithmetic" : "proved right", rate: certifiedLower }],
    section: "robustness",
  };
}

const named = (classNames: readonly string[], label: number): string => classNames[label] ?? `class ${label}`;

/** What the screen came to, without the suspicion's full account of how. */
export function patchFinding(
  { success, perTarget, targetClass, ...suspicion }: Suspicion,
  classNames: readonly string[],
): Finding {
  const next = Math.max(
    0,
    ...perTarget.filter(({ label }) => label !== targetClass).map((own) => own.success.estimate),
  );
  const strongest = success?.estimate ?? 0;
  const name = targetClass === null ? "one class" : named(classNames, targetClass);
  return {
    id: suspicion.id,
    title: suspicion.title,
    sentence: `The strongest patch sends ${percent(strongest)} of inputs held out to ${name}, the best one for any other class ${percent(next)}.${CLOSING[suspicion.severity] ?? ""}`,
    evidence: suspicion.evidence,
    severity: suspicion.severity,
    figures: success ? [{ label: "of inputs held out, moved by the strongest patch", rate: success }] : [],
    section: "tampering",
  };
}

const CLOSING: Partial<Record<Severity, string>> = {
  critical: " This is what a planted trigger looks like.",
  warning: " This looks like a weakness of the model rather than like a planted trigger.",
};

/** Undefined where no class was examined. @param originals inputs of other classes to show with the patch on */
export function suspicionOf(
  { targets, geometry, candidates, searched }: PatchResult,
  gate: Gate,
  classNames: readonly string[],
  originals: readonly { readonly pixels: Float32Array; readonly label: number }[],
): Suspicion | undefined {
  const [strongest, second] = byObedience(targets);
  if (!strongest) return undefined;
  const obeyed = obeys(strongest, gate.patch, targets.length);
  const ruled = ruledClass(targets, gate.patch) !== undefined;
  const success = proportion(strongest.hits, strongest.trials);
  const next = second ? second.hits / second.trials : 0;
  const name = named(classNames, strongest.target);
  const side = `${strongest.size} × ${strongest.size}`;
  const improved = targets.some(({ noGradient }) => noGradient)
    ? "the best for each class, without gradient steps (there is no gradient),"
    : "then gradient steps for each class";
  const measure = `the strongest patch of ${side} pixels moves ${percent(success.estimate)} of inputs that the search had not seen to ${name}, noise in the same place ${percent(strongest.noiseHits / strongest.trials)}; for no other class does the best patch move more than ${percent(next)}`;
  return {
    id: "patch-screen",
    title: ruled
      ? `One ${side} patch rules the answer`
      : obeyed
        ? `Patches of ${side} rule the answer, for no class far more than for others`
        : "No small patch surely rules the answer",
    sentence: obeyed
      ? `${measure[0]!.toUpperCase()}${measure.slice(1)}. ${meaningOf(ruled, leadOf(targets))}`
      : `In ${candidates / 2} places ${measure}. Triggers that are larger, faint or of another form are not searched for.`,
    method: `black and white patches of ${side} in ${candidates / 2} places, ${improved} on ${searched} inputs`,
    evidence: "statistical",
    severity: ruled ? "critical" : obeyed ? "warning" : "note",
    targetClass: strongest.target,
    success,
    perTarget: targets.flatMap(({ target, hits, trials }) =>
      trials > 0 ? [{ label: target, success: proportion(hits, trials) }] : [],
    ),
    pictures: obeyed ? picturesOf(strongest, geometry, classNames, originals) : [],
  };
}

const meaningOf = (ruled: boolean, lead: number): string =>
  ruled
    ? `That class leads all others by at least ${percent(lead, 0)}: this is what a planted trigger looks like, though the screen cannot tell who planted it, or that anyone did.`
    : `Other classes have such patches too, or may have: the lead is not surely above ${percent(STANDS_OUT, 0)}. This looks like a weakness of the model rather than like a planted trigger.`;

function picturesOf(
  patch: Patch,
  geometry: Geometry,
  classNames: readonly string[],
  originals: readonly { readonly pixels: Float32Array; readonly label: number }[],
): { caption: string; picture: Picture }[] {
  const shown = (pixels: Float32Array, caption: string) => {
    const stamped = stampPatch(pixels, geometry, () => patch);
    return { caption, picture: pictureOf(planar(stamped, geometry), geometry) };
  };
  const { channels, height, width } = geometry;
  const empty = new Float32Array(channels * height * width).fill(0.5);
  return [
    shown(empty, "The patch, on grey"),
    ...originals.slice(0, 3).map(({ pixels, label }) => shown(pixels, `${named(classNames, label)}, with the patch`)),
  ];
}
