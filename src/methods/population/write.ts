/** @file A population as text: a member a line, so that differences are readable, and no digits that mean nothing. */

import { median } from "../../stats/summary.ts";
import type { Member, Population, Scan } from "./types.ts";

/** Significant digits of scores and evidence: float32 has seven. */
const DIGITS = 6;

/** The file of a population: the task on the first lines, then a member a line. */
export function populationText({ members, ...head }: Population): string {
  const lines = Object.entries(head).map(([key, value]) => `${JSON.stringify(key)}: ${JSON.stringify(value)},`);
  return `{\n${lines.join("\n")}\n"members": [\n${members.map((member) => JSON.stringify(member)).join(",\n")}\n]\n}\n`;
}

/** A number as the file keeps it; null for what JSON cannot say. */
export const shortNumber = (value: number): number | null => {
  if (!Number.isFinite(value)) return null;
  return Number.isInteger(value) ? value : Number(value.toPrecision(DIGITS));
};

/** Rounds what is not whole; leaves out typed arrays, which are pictures. */
export function shortEvidence(evidence: Readonly<Record<string, unknown>>): Scan["evidence"] {
  const kept = Object.entries(evidence).filter(([, value]) => value !== undefined && !ArrayBuffer.isView(value));
  return Object.fromEntries(kept.map(([key, value]) => [key, short(value)]));
}

function short(value: unknown): unknown {
  if (typeof value === "number") return shortNumber(value);
  if (Array.isArray(value)) return value.filter((entry) => !ArrayBuffer.isView(entry)).map(short);
  if (typeof value === "object" && value !== null) return shortEvidence(value as Record<string, unknown>);
  return value;
}

export const shortSeconds = (seconds: number): number => Number(seconds.toFixed(3));

/** For people: each group's size, how well it was learnt, and how many members count. */
export function groupLines(members: readonly Member[]): string[] {
  const groups = [...new Set(members.map(({ group }) => group))];
  const share = (values: readonly number[]) => `${(100 * median(values)).toFixed(1)}%`;
  return groups.map((group) => {
    const own = members.filter((member) => member.group === group);
    const accuracy = `median accuracy ${share(own.map(({ cleanAccuracy }) => cleanAccuracy))}`;
    const successes = own.flatMap(({ attackSuccess }) => (attackSuccess === null ? [] : [attackSuccess]));
    if (successes.length === 0) return `${group}: ${own.length} members, ${accuracy}`;
    const accepted = own.filter((member) => member.accepted).length;
    return `${group}: ${own.length} members, ${accuracy}, median attack success ${share(successes)}, ${accepted} accepted`;
  });
}
