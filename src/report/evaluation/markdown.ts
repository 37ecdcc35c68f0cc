/** @file Pieces of a page in Markdown. */

import type { Rate, Row, Spread } from "../../methods/backdoor/evaluation/types.ts";
import { intervalOf } from "../../stats/stratified-auc.ts";
import { intervalText, numberText, percent, secondsText } from "../format.ts";

const cell = (text: string): string => text.replaceAll("|", "\\|");

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(" | ")} |`;
  return [line(head), `|${head.map(() => "---|").join("")}`, ...rows.map(line)].join("\n");
}

export const NOTHING = "–";

/** "0.97 (0.93–1.00)" */
export function areaText({ area }: { readonly area: Row["area"] }): string {
  if (!area) return NOTHING;
  const { lower, upper } = intervalOf(area);
  return `${area.estimate.toFixed(2)} (${lower.toFixed(2)}–${upper.toFixed(2)})`;
}

/** "3/56, 5.4% (1.1–14.9%)" */
export const rateText = (rate: Rate): string =>
  rate ? `${countText(rate)}, ${percent(rate.estimate)} (${intervalText(rate)})` : NOTHING;

/** The same on two lines, for narrow columns. */
export function areaCell({ area }: Pick<Row, "area">): string {
  if (!area) return NOTHING;
  const { lower, upper } = intervalOf(area);
  return `**${area.estimate.toFixed(2)}**<br>${lower.toFixed(2)}–${upper.toFixed(2)}`;
}

/** "3/56, 1–15%": a rate where there is little room; the ends are rounded outwards. */
export function rateCell(rate: Rate): string {
  if (!rate) return NOTHING;
  const [down, up] = [Math.floor(100 * rate.lower + 1e-9), Math.ceil(100 * rate.upper - 1e-9)];
  return `${countText(rate)}, ${down}–${up}%`;
}

/** "3/56" */
export const countText = (rate: Rate): string => (rate ? `${rate.successes}/${rate.trials}` : NOTHING);

export function spreadText(spread: Spread | null, text: (value: number) => string = numberText): string {
  if (!spread) return NOTHING;
  const { median, least, most, models } = spread;
  return models === 1 ? text(median) : `${text(median)} (${text(least)} to ${text(most)})`;
}

export const shareSpread = (spread: Spread | null): string => spreadText(spread, (value) => percent(value, 0));
export const secondsSpread = (spread: Spread | null): string => spreadText(spread, secondsText);
