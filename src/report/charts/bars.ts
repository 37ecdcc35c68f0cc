/** @file Horizontal bars with a written value: run times, and how often each class could be forced. */
import type { PlotOptions } from "@observablehq/plot";
import { type Chart, type ChartKit, colour, drawChart, NARROW } from "./chart.ts";

export interface Bar {
  readonly name: string;
  readonly value: number;
  /** As written at the end of the bar. */
  readonly text: string;
  /** Written after `text` where there is room. */
  readonly detail: string;
  readonly interval: readonly [lower: number, upper: number] | null;
  /** Drawn in the colour of attacks, with a mark before its name. */
  readonly marked: boolean;
}

interface BarText {
  readonly id: string;
  readonly title: string;
}

const LONGEST_NAME = { wide: 34, narrow: 12 };
const PIXELS_A_ROW = 28;
const DIGIT_WIDTH = 8;

/** @param bars drawn from the top; two of the same name keep their own rows */
export function barChart(kit: ChartKit, bars: readonly Bar[], { id, title }: BarText): Chart {
  const description = `${bars.map((bar) => `${bar.name}: ${bar.text} ${bar.detail}`.trim()).join("; ")}.`;
  return drawChart(kit, { id, title, description }, (width) => design(kit, bars, width));
}

function design({ plot: Plot }: ChartKit, bars: readonly Bar[], width: number): PlotOptions {
  const narrow = width <= NARROW;
  const longest = narrow ? LONGEST_NAME.narrow : LONGEST_NAME.wide;
  const nameOf = (row: number): string => {
    const { name, marked } = bars[row]!;
    const shown = name.length > longest ? `${name.slice(0, longest - 1)}…` : name;
    return marked ? `▶ ${shown}` : shown;
  };
  const rows = bars.map((bar, row) => ({
    ...bar,
    row,
    end: bar.interval?.[1] ?? bar.value,
    writing: narrow ? bar.text : `${bar.text} ${bar.detail}`.trim(),
  }));
  const letters = Math.max(...rows.map(({ row }) => nameOf(row).length));
  const written = Math.max(...rows.map(({ writing }) => writing.length));
  return {
    marginLeft: 14 + letters * (narrow ? 7 : 7.8),
    marginRight: 14 + written * DIGIT_WIDTH,
    marginTop: 4,
    marginBottom: 4,
    height: 8 + rows.length * PIXELS_A_ROW,
    style: { fontSize: narrow ? "12px" : "13.5px", color: colour.muted },
    x: { domain: [0, Math.max(...rows.map(({ end }) => end)) || 1], axis: null },
    y: { domain: rows.map(({ row }) => row), tickFormat: nameOf, tickSize: 0, label: null, padding: 0.35 },
    marks: [
      Plot.barX(rows, { x: "value", y: "row", fill: (bar) => (bar.marked ? colour.attacked : colour.clean), rx: 2 }),
      Plot.ruleY(
        rows.flatMap(({ row, interval }) => (interval === null ? [] : [{ row, from: interval[0], to: interval[1] }])),
        { x1: "from", x2: "to", y: "row", stroke: colour.ink, strokeWidth: 1.5 },
      ),
      Plot.text(rows, { x: "end", y: "row", text: "writing", textAnchor: "start", dx: 7, fill: colour.ink }),
      Plot.ruleX([0], { stroke: colour.muted }),
    ],
  };
}
