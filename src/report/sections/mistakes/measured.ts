/** @file Wrong answers to unchanged inputs as part of the report. */

import { mistakesOf } from "../../../methods/audit/mistakes.ts";
import { planar } from "../../../methods/picture.ts";
import { median, std } from "../../../stats/summary.ts";
import { type AuditFacts, columnName, inDataUnits, isTable, pixelsOf } from "../../audit/facts.ts";
import { pictureOf } from "../../pictures.ts";
import type { Mistake, MistakesCard, UnusualFeature } from "./schema.ts";

/** Mistakes that are shown. */
const PICTURES = 8;
const ROWS = 4;
/** Pixels of a picture's longer side. */
const THUMBNAIL = 128;
/** Features of a row that are shown. */
const FEATURES = 4;

/** `null` without labels. */
export function mistakesCard(facts: AuditFacts): MistakesCard | null {
  if (!facts.labelled) return null;
  const { classes, surest } = mistakesOf(facts.predictions, facts.chunk.labels);
  const shown = surest.slice(0, isTable(facts) ? ROWS : PICTURES);
  return { classes, surest: shown.map((i) => mistakeAt(facts, i)) };
}

function mistakeAt(facts: AuditFacts, i: number): Mistake {
  const { chunk, geometry, predictions } = facts;
  const { predicted, confidence } = predictions[i]!;
  const label = chunk.labels[i]!;
  return {
    index: chunk.indices[i]!,
    label,
    predicted,
    confidence,
    picture: geometry ? pictureOf(planar(pixelsOf(chunk, i), geometry), geometry, [0, 1], THUMBNAIL) : null,
    features: isTable(facts) ? unusualFeatures(facts, i, { label, predicted }) : null,
  };
}

/** Those in which the row lies farthest from the median of its class, in their standard deviations. */
function unusualFeatures(
  facts: AuditFacts,
  i: number,
  { label, predicted }: Pick<Mistake, "label" | "predicted">,
): UnusualFeature[] {
  const { images, labels } = facts.chunk;
  const size = images.length / labels.length;
  const columnOf = (k: number, holds: (own: number) => boolean) =>
    Array.from(labels.keys())
      .filter((row) => holds(labels[row]!))
      .map((row) => images[row * size + k]!);
  const middle = (k: number, wanted: number) => {
    const values = columnOf(k, (own) => own === wanted);
    return values.length === 0 ? null : median(values);
  };
  const shown = (value: number | null, k: number) => (value === null ? null : inDataUnits(facts, value, k));
  return Array.from({ length: size }, (_, k) => {
    const value = images[i * size + k]!;
    const ofLabel = middle(k, label);
    // the row itself is of its class
    const away = Math.abs(value - ofLabel!) / std(columnOf(k, () => true));
    return { k, value, ofLabel, away: Number.isFinite(away) ? away : 0 };
  })
    .sort((a, b) => b.away - a.away || a.k - b.k)
    .slice(0, FEATURES)
    .map(({ k, value, ofLabel }) => ({
      name: columnName(facts, k),
      value: inDataUnits(facts, value, k),
      ofLabel: shown(ofLabel, k),
      ofPredicted: shown(middle(k, predicted), k),
    }));
}
