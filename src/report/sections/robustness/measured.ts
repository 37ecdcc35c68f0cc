/** @file Attacks and proofs as part of the report: the band, the classes, and pictures of what was broken. */

import type { Found, MethodRun, RobustnessResult } from "../../../methods/audit/types.ts";
import { planar } from "../../../methods/picture.ts";
import { POINTS } from "../../../methods/points.ts";
import type { UnknownReason } from "../../../spec/verdict.ts";
import { type Proportion, proportion } from "../../../stats/proportion.ts";
import type { LowerRates } from "../../../studies/audit/codes.ts";
import { type AuditFacts, correctOf, pixelsOf } from "../../audit/facts.ts";
import { examplePictures } from "../../pictures.ts";
import { featuresOf } from "./features.ts";
import type { AdversarialExample, BandPoint, ClassRow, Robustness } from "./schema.ts";

/** Adversarial examples that are shown. */
const EXAMPLES = 6;

/** What the gate speaks of. */
export const headlinePoint = (facts: AuditFacts): BandPoint =>
  bandPoint(facts, facts.robustness.points.find(({ epsilon }) => epsilon === facts.headlineEpsilon)!);

export function robustnessOf(facts: AuditFacts): Robustness {
  const { norm, points } = facts.robustness;
  return {
    norm,
    unit: facts.unit,
    headlineEpsilon: facts.headlineEpsilon,
    points: points.map((point) => bandPoint(facts, point)),
    classes: classRows(facts),
    examples: examplesOf(facts),
  };
}

function bandPoint(
  facts: AuditFacts,
  { epsilon, falsified, certified, bounded, reasons }: RobustnessResult["points"][number],
): BandPoint {
  const inputs = facts.predictions.length;
  const correct = correctOf(facts).length;
  // what is broken and proved at once has stopped the audit before
  const standing = (held: ReadonlySet<number>) => [...held].filter((i) => !falsified.has(i)).length;
  const [proved, onlyBounded] = [standing(certified), standing(bounded)];
  return {
    epsilon,
    clean: proportion(correct, inputs),
    attackedUpper: ran(facts, "attack") ? proportion(correct - falsified.size, inputs) : null,
    ...lowerRates(facts, {
      certified: () => proportion(proved, inputs),
      bounded: () => proportion(onlyBounded, inputs),
    }),
    counts: {
      inputs,
      correct,
      certified: proved,
      falsified: falsified.size,
      unknown: correct - proved - onlyBounded - falsified.size,
      ...(facts.arithmetic === "real" && { bounded: onlyBounded }),
    },
    unknownBy: countBy([...reasons.values()]),
  };
}

function countBy(reasons: readonly UnknownReason[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const reason of reasons) counts[reason] = (counts[reason] ?? 0) + 1;
  return counts;
}

/** What bounds come to is certified only where they are proofs. */
function lowerRates(
  facts: AuditFacts,
  { certified, bounded }: Readonly<Record<"certified" | "bounded", () => Proportion>>,
): LowerRates {
  if (!ran(facts, "verify")) return { certifiedLower: null };
  return facts.arithmetic === "real"
    ? { certifiedLower: null, boundedLower: bounded() }
    : { certifiedLower: certified() };
}

const ran = ({ robustness }: AuditFacts, wanted: MethodRun["purpose"]): boolean =>
  robustness.runs.some(({ purpose }) => purpose === wanted);

function classRows(facts: AuditFacts): ClassRow[] {
  const { chunk, robustness, headlineEpsilon } = facts;
  const { falsified, certified, bounded } = robustness.points.find(({ epsilon }) => epsilon === headlineEpsilon)!;
  const right = new Set(correctOf(facts));
  const labels = [...new Set(chunk.labels)].sort((a, b) => a - b);
  return labels.map((label) => {
    const members = Array.from(chunk.labels, (own, i) => (own === label ? i : -1)).filter((i) => i >= 0);
    const share = (holds: (i: number) => boolean) => proportion(members.filter(holds).length, members.length);
    return {
      label,
      clean: share((i) => right.has(i)),
      attackedUpper: ran(facts, "attack") ? share((i) => right.has(i) && !falsified.has(i)) : null,
      ...lowerRates(facts, {
        certified: () => share((i) => certified.has(i)),
        bounded: () => share((i) => bounded.has(i)),
      }),
    };
  });
}

/** The smallest changes that overturn an answer within the headline radius, one a class first. */
function examplesOf(facts: AuditFacts): AdversarialExample[] {
  const { chunk, robustness, headlineEpsilon } = facts;
  const found = [...robustness.witnesses]
    .filter(([, { epsilon }]) => epsilon <= headlineEpsilon)
    .sort(([i, a], [j, b]) => a.record.distance - b.record.distance || i - j);
  const seen = new Set<number>();
  const first = found.filter(([i]) => {
    const label = chunk.labels[i]!;
    const fresh = !seen.has(label);
    seen.add(label);
    return fresh;
  });
  const rest = found.filter((entry) => !first.includes(entry));
  return [...first, ...rest].slice(0, EXAMPLES).map(([i, witness]) => exampleOf(facts, i, witness));
}

function exampleOf(facts: AuditFacts, i: number, found: Found): AdversarialExample {
  const { chunk, geometry, predictions, robustness } = facts;
  const { record, epsilon, method } = found;
  const title =
    method === POINTS.id ? POINTS.title : (robustness.runs.find((run) => run.method === method)?.title ?? method);
  return {
    index: chunk.indices[i]!,
    label: chunk.labels[i]!,
    predicted: record.predicted,
    target: null,
    epsilon,
    distance: record.distance,
    method: title,
    marginBefore: predictions[i]!.margin,
    marginAfter: record.margin,
    confidence: record.confidence,
    picture:
      geometry === undefined
        ? null
        : examplePictures(planar(pixelsOf(chunk, i), geometry), planar(record.witness, geometry), geometry),
    features: (geometry === undefined ? featuresOf(facts, i, found) : undefined) ?? null,
  };
}
