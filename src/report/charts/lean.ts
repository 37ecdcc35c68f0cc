/** @file One row a class: how much further noise pulls the model there than it pulls clean models. */
import type { PlotOptions } from "@observablehq/plot";
import { numberText, signedText } from "../format.ts";
import type { LeanChart } from "../sections/tampering/schema.ts";
import { type Chart, type ChartKit, colour, drawChart, NARROW } from "./chart.ts";

/** More rows than this no longer fit a page; those that lean furthest are shown. */
export const MOST_CLASSES = 20;

const LONGEST_NAME = { wide: 20, narrow: 11 };
const PIXELS_A_ROW = 27;
/** Room at both ends, as a share of what is shown. */
const ROOM = 0.06;

export interface LeanText {
  readonly id: string;
  readonly nameOf: (label: number) => string;
  /** Marked. */
  readonly suspected: number | null;
}

/** The classes in their order, or those that lean furthest where there are many. */
export function shownClasses({ classes }: LeanChart): LeanChart["classes"] {
  if (classes.length <= MOST_CLASSES) return classes;
  return classes.toSorted((a, b) => b.excess - a.excess).slice(0, MOST_CLASSES);
}

export function leanChart(kit: ChartKit, lean: LeanChart, text: LeanText): Chart {
  const rows = shownClasses(lean);
  const { threshold } = lean;
  const values = rows.map(({ label, excess }) => `${text.nameOf(label)}: ${signedText(excess)}`).join("; ");
  const limit = threshold === null ? "" : ` Flagged above ${numberText(threshold)}.`;
  const description = `How far noise pulls towards each class, in standard deviations of clean models. ${values}.${limit}`;
  return drawChart(kit, { id: text.id, title: "Pull of noise by class", description }, (width) =>
    design(kit, { ...lean, classes: rows }, text, width),
  );
}

function design(
  { plot: Plot }: ChartKit,
  lean: LeanChart,
  { nameOf, suspected }: LeanText,
  width: number,
): PlotOptions {
  const { classes, threshold } = lean;
  const narrow = width <= NARROW;
  const longest = narrow ? LONGEST_NAME.narrow : LONGEST_NAME.wide;
  const shortName = (label: number): string => {
    const name = nameOf(label);
    const cut = name.length > longest ? `${name.slice(0, longest - 1)}…` : name;
    return label === suspected ? `▶ ${cut}` : cut;
  };
  const single = classes.flatMap(({ label, byMode }) => byMode.map((value) => ({ label, value })));
  const values = [0, threshold ?? 0, ...classes.map(({ excess }) => excess), ...single.map(({ value }) => value)];
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const ticks = narrow ? 4 : 8;
  const room = ROOM * (high - low || 1);
  const letters = Math.max(...classes.map(({ label }) => shortName(label).length));
  const ink = ({ label }: { readonly label: number }) => (label === suspected ? colour.attacked : colour.clean);
  return {
    marginLeft: 14 + letters * (narrow ? 7 : 7.8),
    marginRight: 24,
    marginTop: threshold === null ? 6 : 24,
    marginBottom: 44,
    height: 74 + classes.length * PIXELS_A_ROW,
    style: { fontSize: narrow ? "12px" : "13.5px", color: colour.muted },
    x: {
      domain: [low - room, high + room],
      ticks,
      label: "standard deviations beyond clean models",
      labelAnchor: "center",
      labelArrow: "none",
      labelOffset: 38,
    },
    y: { domain: classes.map(({ label }) => label), tickFormat: shortName, tickSize: 0, label: null, padding: 0.4 },
    marks: [
      Plot.gridX({ ticks, stroke: colour.line, strokeOpacity: 1 }),
      Plot.ruleX([0], { stroke: colour.muted }),
      Plot.ruleY(classes, { x1: () => 0, x2: "excess", y: "label", stroke: ink, strokeWidth: 3 }),
      Plot.tickX(single, { x: "value", y: "label", stroke: colour.muted, strokeOpacity: 0.55, strokeWidth: 1.5 }),
      Plot.dot(classes, { x: "excess", y: "label", r: 5, fill: ink, stroke: colour.paper, strokeWidth: 1 }),
      ...(threshold === null
        ? []
        : [
            Plot.ruleX([threshold], { stroke: colour.ink, strokeWidth: 1.5, strokeDasharray: "5,3" }),
            Plot.text([threshold], {
              x: (x: number) => x,
              text: () => "flagged above",
              frameAnchor: "top",
              dy: -14,
              fill: colour.ink,
            }),
          ]),
    ],
  };
}
