/** @file Areas under ROC curves with their intervals: a panel a trigger, a row a detector. */

import type { PlotOptions } from "@observablehq/plot";
import type { BackdoorEvaluation } from "../../methods/backdoor/evaluation/types.ts";
import { intervalOf } from "../../stats/stratified-auc.ts";
import { type ChartKit, colour, drawChart } from "../charts/chart.ts";
import { standaloneSvg } from "./standalone.ts";

export interface AreaDot {
  readonly detector: string;
  readonly family: string;
  readonly estimate: number;
  readonly lower: number;
  readonly upper: number;
}

/** One for each detector and kind of trigger, over all tasks. */
export const areaDots = ({ rows }: BackdoorEvaluation): AreaDot[] =>
  rows.flatMap(({ detector, family, group, architecture, stratum, area }) => {
    if (!area || family === null || group !== null || architecture !== null || stratum !== "accepted") return [];
    const { lower, upper } = intervalOf(area);
    return [{ detector, family, estimate: area.estimate, lower, upper }];
  });

const COLUMNS = 3;
const ROW_HEIGHT = 15;
const PANEL_GAP = 40;

/** @param dots in the order in which detectors and families are shown  @returns an SVG file */
export function areasChart(kit: ChartKit, dots: readonly AreaDot[], subject: string): string {
  const description = dots.map((dot) => `${dot.family}, ${dot.detector}: ${dot.estimate.toFixed(2)}`).join("; ");
  const text = { id: "areas", title: "AUC by trigger and detector", description };
  return standaloneSvg(drawChart(kit, text, () => design(kit, dots, subject)).wide);
}

function design({ plot: Plot }: ChartKit, dots: readonly AreaDot[], subject: string): PlotOptions {
  const families = [...new Set(dots.map(({ family }) => family))];
  const detectors = [...new Set(dots.map(({ detector }) => detector))];
  const column = ({ family }: { family: string }) => families.indexOf(family) % COLUMNS;
  const row = ({ family }: { family: string }) => Math.floor(families.indexOf(family) / COLUMNS);
  const facet = { fx: column, fy: row };
  const rows = Math.ceil(families.length / COLUMNS);
  const names = families.map((family) => ({ family }));
  const stroke = ({ detector }: AreaDot) => (detector === subject ? colour.attacked : colour.certified);
  return {
    marginLeft: 14 + Math.max(...detectors.map(({ length }) => length)) * 7,
    marginRight: 16,
    marginTop: 30,
    marginBottom: 40,
    height: 70 + rows * (detectors.length * ROW_HEIGHT + PANEL_GAP),
    style: { fontSize: "12px", color: colour.muted },
    fx: { axis: null, padding: 0.08 },
    fy: { axis: null, padding: PANEL_GAP / (detectors.length * ROW_HEIGHT + PANEL_GAP) },
    x: {
      domain: [0, 1],
      ticks: [0, 0.5, 1],
      tickFormat: String,
      label: "AUC, with its interval",
      labelAnchor: "center",
      labelArrow: "none",
      labelOffset: 34,
    },
    y: { domain: detectors, label: null, tickSize: 0 },
    marks: [
      Plot.frame({ stroke: colour.line }),
      Plot.ruleX([0.5], { stroke: colour.muted, strokeDasharray: "2,3" }),
      Plot.ruleY(dots, { ...facet, y: "detector", x1: "lower", x2: "upper", stroke, strokeWidth: 2 }),
      Plot.dot(dots, { ...facet, y: "detector", x: "estimate", r: 3.5, fill: stroke }),
      Plot.text(names, {
        ...facet,
        text: "family",
        frameAnchor: "top-left",
        dy: -17,
        fill: colour.ink,
        fontWeight: 600,
      }),
    ],
  };
}
