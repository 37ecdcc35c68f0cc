/** @file An adversarial example of a table: what changed, by the names and in the units of the data. */

import type { Found } from "../../../methods/audit/types.ts";
import { type AuditFacts, columnName, inDataUnits, isTable, pixelsOf } from "../../audit/facts.ts";
import { plural } from "../../format.ts";
import { html, type Markup } from "../../markup.ts";
import { type Column, dataTable } from "../parts.ts";
import type { AdversarialExample } from "./schema.ts";

export type FeatureChanges = NonNullable<AdversarialExample["features"]>;

/** Those that changed most are shown. */
const SHOWN = 8;

/** Undefined unless samples are rows of features. */
export function featuresOf(
  facts: AuditFacts,
  i: number,
  { record, epsilon }: Pick<Found, "record" | "epsilon">,
): FeatureChanges | undefined {
  if (!isTable(facts)) return undefined;
  const before = pixelsOf(facts.chunk, i);
  const moved = Array.from(before.keys())
    .filter((k) => before[k] !== record.witness[k])
    .sort((a, b) => Math.abs(record.witness[b]! - before[b]!) - Math.abs(record.witness[a]! - before[a]!) || a - b);
  return {
    of: before.length,
    changed: moved.length,
    shown: moved.slice(0, SHOWN).map((k) => ({
      name: columnName(facts, k),
      before: inDataUnits(facts, before[k]!, k),
      after: inDataUnits(facts, record.witness[k]!, k),
      allowed: Math.abs(inDataUnits(facts, epsilon, k) - inDataUnits(facts, 0, k)),
    })),
  };
}

/** As few digits as tell the two apart, four at least: float32 has nine. */
export function pairText(before: number, after: number): readonly [before: string, after: string] {
  for (let digits = 4; ; digits++) {
    const pair = [before, after].map((value) => String(Number(value.toPrecision(digits))).replace("-", "\u2212"));
    if (pair[0] !== pair[1] || digits === 9) return [pair[0]!, pair[1]!];
  }
}

export function featureTable({ shown, changed, of }: FeatureChanges, input: number): Markup {
  const columns: readonly Column[] = [
    { heading: "Feature", kind: "words" },
    { heading: "Before", kind: "number" },
    { heading: "After", kind: "number" },
    { heading: "Allowed", kind: "number" },
  ];
  const rows = shown.map(({ name, before, after, allowed }) => [
    name,
    ...pairText(before, after),
    `±${Number(allowed.toPrecision(3))}`,
  ]);
  const more = changed > shown.length ? ` ${changed - shown.length} more changed less.` : "";
  return html`${dataTable(`What changed in input ${input}`, "compact", columns, rows)}<p class="fine">${changed} of ${plural(of, "feature")} changed.${more}</p>`;
}
