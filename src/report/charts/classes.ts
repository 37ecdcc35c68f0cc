/** @file One row a class: clean, not broken by attacks, proved; between the last two the truth is undecided. */

import type { PlotOptions } from "@observablehq/plot";
import type { Proportion } from "../../stats/proportion.ts";
import { lowerOf } from "../../studies/audit/codes.ts";
import { shortRateText } from "../format.ts";
import { nameOfClass } from "../read.ts";
import type { ClassRow } from "../sections/robustness/schema.ts";
import { type Chart, type ChartKit, colour, drawChart, hatchId, NARROW } from "./chart.ts";

/** More rows than this no longer fit a page; the weakest are shown, the table has all. */
export const MOST_ROWS = 20;

/** Longer names are cut in the chart; the table has them whole. */
const LONGEST_NAME = { wide: 18, narrow: 10 };

const PIXELS_A_ROW = 30;

/** Weakest first: by what is proved, then by what attacks left. */
export function weakestFirst(rows: readonly ClassRow[]): ClassRow[] {
  const share = (rate: Proportion | null): number => rate?.estimate ?? 0;
  return [...rows].sort(
    (a, b) =>
      share(lowerOf(a)) - share(lowerOf(b)) || share(a.attackedUpper) - share(b.attackedUpper) || a.label - b.label,
  );
}

function describe(rows: readonly ClassRow[], names: readonly string[], word: string): string {
  const parts = (row: ClassRow): string[] => {
    const said = [
      ["clean", row.clean],
      ["not falsified", row.attackedUpper],
      [word, lowerOf(row)],
    ] as const;
    return said.flatMap(([what, rate]) => (rate ? [`${what} ${shortRateText(rate)}`] : []));
  };
  return rows.map((row) => `${nameOfClass(names, row.label)}: ${parts(row).join(", ")}`).join("; ");
}

/** @param word for what lower bounds make of an input */
export function classChart(
  kit: ChartKit,
  rows: readonly ClassRow[],
  names: readonly string[],
  id: string,
  word = "proved",
): Chart {
  const shown = weakestFirst(rows).slice(0, MOST_ROWS);
  const text = { id, title: "Accuracy by class", description: `${describe(shown, names, word)}.` };
  return drawChart(kit, text, (width, drawingId) => design(kit, shown, names, { width, drawingId }));
}

function design(
  { plot: Plot }: ChartKit,
  rows: readonly ClassRow[],
  names: readonly string[],
  { width, drawingId }: { readonly width: number; readonly drawingId: string },
): PlotOptions {
  const narrow = width <= NARROW;
  const longest = narrow ? LONGEST_NAME.narrow : LONGEST_NAME.wide;
  const nameOf = (label: number): string => {
    const name = nameOfClass(names, label);
    return name.length > longest ? `${name.slice(0, longest - 1)}…` : name;
  };
  const letters = Math.max(...rows.map((row) => nameOf(row.label).length));
  const attacked = (row: ClassRow) => row.attackedUpper;
  const present = (rateOf: (row: ClassRow) => Proportion | null) =>
    rows.flatMap((row) => {
      const rate = rateOf(row);
      return rate === null ? [] : [{ label: row.label, share: rate.estimate, lower: rate.lower, upper: rate.upper }];
    });
  const gaps = rows.flatMap((row) => {
    const top = row.attackedUpper ?? row.clean;
    return top === null ? [] : [{ label: row.label, low: lowerOf(row)?.estimate ?? 0, high: top.estimate }];
  });
  const at = { x: "share", y: "label" } as const;
  const whisker = (rateOf: (row: ClassRow) => Proportion | null, stroke: string) =>
    Plot.ruleY(present(rateOf), { x1: "lower", x2: "upper", y: "label", stroke, strokeWidth: 1.5 });
  return {
    marginLeft: 14 + letters * (narrow ? 7 : 7.8),
    marginRight: 18,
    marginTop: 8,
    marginBottom: 34,
    height: 42 + rows.length * PIXELS_A_ROW,
    style: { fontSize: narrow ? "12px" : "13.5px", color: colour.muted },
    x: { domain: [0, 1], ticks: [0, 0.25, 0.5, 0.75, 1], tickFormat: (s: number) => `${s * 100}%`, label: null },
    y: { domain: rows.map((row) => row.label), tickFormat: nameOf, tickSize: 0, label: null, padding: 0.45 },
    marks: [
      Plot.gridX([0, 0.25, 0.5, 0.75, 1], { stroke: colour.line, strokeOpacity: 1 }),
      Plot.barX(gaps, { x1: "low", x2: "high", y: "label", fill: `url(#${hatchId(drawingId)})` }),
      whisker(lowerOf, colour.certified),
      whisker(attacked, colour.attacked),
      Plot.dot(
        present((row) => row.clean),
        { ...at, r: 5, stroke: colour.clean, strokeWidth: 2, fill: colour.paper },
      ),
      Plot.dot(present(attacked), {
        ...at,
        symbol: "triangle",
        rotate: -90,
        r: 4.5,
        fill: colour.attacked,
        stroke: colour.paper,
        strokeWidth: 1,
      }),
      Plot.dot(present(lowerOf), {
        ...at,
        symbol: "triangle",
        rotate: 90,
        r: 4.5,
        fill: colour.certified,
        stroke: colour.paper,
        strokeWidth: 1,
      }),
    ],
  };
}
