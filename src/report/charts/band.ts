/** @file Accuracy against epsilon: what attacks leave from above, what is proved from below, the gap unknown. */

import type { PlotOptions } from "@observablehq/plot";
import { epsilonText } from "../../stats/epsilon-text.ts";
import type { Proportion } from "../../stats/proportion.ts";
import { lowerOf } from "../../studies/audit/codes.ts";
import { shortRateText } from "../format.ts";
import type { BandPoint, Robustness } from "../sections/robustness/schema.ts";
import { type Chart, type ChartKit, colour, drawChart, hatchId, NARROW } from "./chart.ts";

/** Epsilons spread wider than this ratio are shown on a logarithmic axis. */
const LOG_AXIS_RATIO = 25;

/** Closer ticks than this, in CSS pixels, run into each other. */
const TICK_SPACING = 44;

/** A gap lower than this share of the axis has no room for a word in it. */
const LABEL_ROOM = 0.14;

/** "undecided" in the chart's type, in CSS pixels. */
const LABEL_WIDTH = 84;

interface Vertex {
  readonly epsilon: number;
  readonly share: number;
  readonly lower: number;
  readonly upper: number;
}

const vertex = (epsilon: number, rate: Proportion): Vertex => ({
  epsilon,
  share: rate.estimate,
  lower: rate.lower,
  upper: rate.upper,
});

/** With epsilon 0 nothing changes: both sides of the band start at the clean accuracy. */
function side(
  points: readonly BandPoint[],
  rateOf: (point: BandPoint) => Proportion | null,
  fromZero: boolean,
): Vertex[] {
  const first = points[0];
  const start = fromZero && first?.clean && first.epsilon > 0 ? [vertex(0, first.clean)] : [];
  const measured = points.flatMap((point) => {
    const rate = rateOf(point);
    return rate === null ? [] : [vertex(point.epsilon, rate)];
  });
  return measured.length === 0 ? [] : [...start, ...measured];
}

interface GapSlice {
  readonly epsilon: number;
  readonly low: number;
  readonly high: number;
}

/** Without attacks the truth can be as high as the clean accuracy; without proofs as low as 0. */
function gapOf(points: readonly BandPoint[], fromZero: boolean): GapSlice[] {
  const first = points[0];
  const start =
    fromZero && first?.clean && first.epsilon > 0
      ? [{ epsilon: 0, low: first.clean.estimate, high: first.clean.estimate }]
      : [];
  return [
    ...start,
    ...points.map((p) => {
      const top = p.attackedUpper ?? p.clean;
      return {
        epsilon: p.epsilon,
        low: lowerOf(p)?.estimate ?? 0,
        high: top ? top.estimate : 1,
      };
    }),
  ];
}

/** The horizontal axis: where an epsilon stands, in CSS pixels, and which one stands halfway between two. */
interface Axis {
  readonly width: number;
  readonly position: (epsilon: number) => number;
  readonly middle: (left: number, right: number) => number;
}

const linearAxis = (last: number, width: number): Axis => ({
  width,
  position: (epsilon) => (width * epsilon) / last,
  middle: (left, right) => (left + right) / 2,
});

const logAxis = (first: number, last: number, width: number): Axis => ({
  width,
  position: (epsilon) => (width * Math.log(epsilon / first)) / Math.log(last / first),
  middle: (left, right) => Math.sqrt(left * right),
});

/** Where a word fits best: halfway between two epsilons, where the gap is highest and the word stays inside. */
function labelPlace(gap: readonly GapSlice[], { width, position, middle }: Axis): GapSlice {
  const halfway = gap.slice(1).map((right, i) => {
    const left = gap[i]!;
    const epsilon = middle(left.epsilon, right.epsilon);
    return { epsilon, low: (left.low + right.low) / 2, high: (left.high + right.high) / 2 };
  });
  const inside = halfway.filter(({ epsilon }) => Math.abs(position(epsilon) - width / 2) < width / 2 - LABEL_WIDTH / 2);
  const height = ({ low, high }: GapSlice): number => high - low;
  return [...inside, ...halfway, ...gap].slice(0, inside.length || 1).reduce((a, b) => (height(b) > height(a) ? b : a));
}

function describe(points: readonly BandPoint[], word: string): string {
  return points
    .map((p) => {
      const high = p.attackedUpper ? `${shortRateText(p.attackedUpper)} not falsified by any attack` : "no attack ran";
      const held = lowerOf(p);
      const low = held ? `${shortRateText(held)} ${word}` : "nothing proved";
      return `epsilon ${epsilonText(p.epsilon)}: ${high}, ${low}`;
    })
    .join("; ");
}

/** Every epsilon where there is room, otherwise the ends and those far enough from the one before. */
function ticksOf(epsilons: readonly number[], { position }: Axis): number[] {
  const kept: number[] = [];
  for (const epsilon of epsilons) {
    const last = kept.at(-1);
    if (last === undefined || position(epsilon) - position(last) >= TICK_SPACING) kept.push(epsilon);
  }
  return kept;
}

/** The accuracy band of one norm; a logarithmic axis leaves out epsilon 0. */
/** @param word for what lower bounds make of an input */
export function bandChart(kit: ChartKit, robustness: Robustness, id: string, word = "proved"): Chart {
  const all = robustness.points;
  const positive = all.map((p) => p.epsilon).filter((e) => e > 0);
  const [smallest = 1, largest = 1] = [positive[0], positive.at(-1)];
  const logarithmic = positive.length > 1 && largest / smallest > LOG_AXIS_RATIO;
  const points = logarithmic ? all.filter((p) => p.epsilon > 0) : all;
  const text = {
    id,
    title: `Accuracy against epsilon, ${robustness.norm}`,
    description: `Two-sided band. ${describe(points, word)}.`,
  };
  return drawChart(kit, text, (width, drawingId) => design(kit, robustness, points, { width, drawingId, logarithmic }));
}

interface Drawing {
  readonly width: number;
  readonly drawingId: string;
  readonly logarithmic: boolean;
}

function design(
  { plot: Plot }: ChartKit,
  { norm, headlineEpsilon }: Robustness,
  points: readonly BandPoint[],
  { width, drawingId, logarithmic }: Drawing,
): PlotOptions {
  const narrow = width <= NARROW;
  const margins = { marginLeft: narrow ? 42 : 52, marginRight: narrow ? 22 : 24, marginTop: 30, marginBottom: 46 };
  const first = logarithmic ? points[0]!.epsilon : 0;
  const last = points.at(-1)!.epsilon || 1;
  const plotWidth = width - margins.marginLeft - margins.marginRight;
  const axis = logarithmic ? logAxis(first, last, plotWidth) : linearAxis(last, plotWidth);
  const epsilons = points.map((p) => p.epsilon);

  const attacked = side(points, (p) => p.attackedUpper, !logarithmic);
  const certified = side(points, lowerOf, !logarithmic);
  const gap = gapOf(points, !logarithmic);
  const place = labelPlace(gap, axis);
  const clean = points[0]?.clean ?? null;
  const vertical = { x: "epsilon", y: "share" } as const;
  const edge = (vertices: readonly Vertex[], stroke: string, rotate: 0 | 180, dash: string) => [
    Plot.areaY(vertices, { x: "epsilon", y1: "lower", y2: "upper", fill: stroke, fillOpacity: 0.2 }),
    Plot.lineY(vertices, { ...vertical, stroke, strokeWidth: 2.5, strokeDasharray: dash }),
    Plot.ruleX(vertices, { x: "epsilon", y1: "lower", y2: "upper", stroke, strokeWidth: 1.5 }),
    Plot.dot(vertices, {
      ...vertical,
      symbol: "triangle",
      rotate,
      r: 4.5,
      fill: stroke,
      stroke: colour.paper,
      strokeWidth: 1,
    }),
  ];
  return {
    ...margins,
    height: narrow ? 300 : 380,
    style: { fontSize: narrow ? "12px" : "13.5px", color: colour.muted },
    x: {
      type: logarithmic ? "log" : "linear",
      domain: [first, last],
      label: `epsilon (${norm})`,
      labelAnchor: "center",
      labelArrow: "none",
      labelOffset: 40,
      ticks: ticksOf(epsilons, axis),
      tickFormat: (e: number) => epsilonText(e),
    },
    y: {
      domain: [0, 1],
      ticks: [0, 0.25, 0.5, 0.75, 1],
      tickSize: 0,
      tickFormat: (share: number) => `${share * 100}%`,
      label: null,
    },
    marks: [
      Plot.gridY([0, 0.25, 0.5, 0.75, 1], { stroke: colour.line, strokeOpacity: 1 }),
      Plot.areaY(gap, { x: "epsilon", y1: "low", y2: "high", fill: `url(#${hatchId(drawingId)})` }),
      ...(clean === null
        ? []
        : [Plot.ruleY([clean.estimate], { stroke: colour.clean, strokeWidth: 1.5, strokeDasharray: "2,4" })]),
      Plot.ruleX([headlineEpsilon], { stroke: colour.ink, strokeWidth: 1, strokeDasharray: "1,3" }),
      ...edge(certified, colour.certified, 0, "none"),
      ...edge(attacked, colour.attacked, 180, "7,3"),
      ...(place.high - place.low < LABEL_ROOM
        ? []
        : [
            Plot.text([place], {
              x: "epsilon",
              y: (g: GapSlice) => (g.low + g.high) / 2,
              text: () => "unknown",
              fill: colour.ink,
              stroke: colour.paper,
              strokeWidth: 5,
              fontWeight: 600,
            }),
          ]),
      Plot.ruleY([0], { stroke: colour.muted }),
    ],
  };
}
