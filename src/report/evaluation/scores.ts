/** @file The score that a verdict rests on, of every model: a panel a task, a row a kind of model. */

import type { PlotOptions } from "@observablehq/plot";
import type { Examined } from "../../methods/backdoor/evaluation/types.ts";
import type { EvaluationFile } from "../../studies/evaluation/types.ts";
import { type ChartKit, colour, drawChart } from "../charts/chart.ts";
import { standaloneSvg } from "./standalone.ts";

export interface ScoreDot {
  readonly task: string;
  /** The kind of trigger, or `clean`. */
  readonly kind: string;
  readonly score: number;
  /** p ≤ level */
  readonly flagged: boolean;
}

const CLEAN = "clean";
const BACKDOORED = "backdoored";

/** Of clean models, and of those whose backdoor works. */
export const scoreDots = (models: readonly Examined[], subject: string, level: number): ScoreDot[] =>
  models.flatMap(({ dataset, architecture, family, accepted, outcomes }) => {
    const { score = null, pValue = null } = outcomes[subject] ?? {};
    if (score === null || (family !== null && !accepted)) return [];
    const flagged = pValue !== null && pValue <= level;
    return [{ task: `${dataset}, ${architecture}`, kind: family ?? CLEAN, score, flagged }];
  });

/** Beside the judged clean models and all that have a working backdoor: clean ones that are trained otherwise. */
export function controlDots({ controls, models, evaluation: { subject, level } }: EvaluationFile): ScoreDot[] {
  const own = controls.flatMap(({ title, dataset, architecture, models: members }) =>
    members.flatMap(({ score, pValue }): ScoreDot[] => {
      const flagged = pValue !== null && pValue <= level;
      return score === null ? [] : [{ task: `${dataset}, ${architecture}`, kind: title, score, flagged }];
    }),
  );
  const tasks = new Set(own.map(({ task }) => task));
  const judged = scoreDots(models, subject, level).filter(({ task }) => tasks.has(task));
  return [
    ...judged.filter(({ kind }) => kind === CLEAN),
    ...own,
    ...judged.filter(({ kind }) => kind !== CLEAN).map((dot) => ({ ...dot, kind: BACKDOORED })),
  ];
}

const ROW_HEIGHT = 16;
const PANEL_GAP = 34;
/** Scores below are drawn at it: a logarithm needs positive numbers. */
const LEAST = 0.5;

/**
 * @param clean the kinds without a backdoor
 * @returns an SVG file
 */
export function scoresChart(kit: ChartKit, dots: readonly ScoreDot[], subject: string, clean = [CLEAN]): string {
  const title = `The score of ${subject}, a dot a model`;
  const flagged = dots.filter((dot) => dot.flagged).length;
  const description = `${dots.length} models, ${flagged} of them flagged; filled dots are flagged, empty ones are not.`;
  return standaloneSvg(drawChart(kit, { id: "scores", title, description }, () => design(kit, dots, clean)).wide);
}

function design({ plot: Plot }: ChartKit, dots: readonly ScoreDot[], clean: readonly string[]): PlotOptions {
  const tasks = [...new Set(dots.map(({ task }) => task))];
  const kinds = [CLEAN, ...new Set(dots.map(({ kind }) => kind).filter((kind) => kind !== CLEAN))];
  const panel = kinds.length * ROW_HEIGHT;
  const stroke = ({ kind }: ScoreDot) => (clean.includes(kind) ? colour.clean : colour.attacked);
  return {
    marginLeft: 14 + Math.max(...kinds.map(({ length }) => length)) * 7,
    marginRight: 16,
    marginTop: 30,
    marginBottom: 44,
    height: 74 + tasks.length * (panel + PANEL_GAP),
    style: { fontSize: "12px", color: colour.muted },
    fy: { domain: tasks, axis: null, padding: PANEL_GAP / (panel + PANEL_GAP) },
    x: {
      type: "log",
      domain: [LEAST, Math.max(10, ...dots.map(({ score }) => score)) * 1.1],
      ticks: [0.5, 1, 2, 5, 10, 20, 50, 100],
      tickFormat: String,
      label: "how far noise pulls the model towards one class, beyond the reference (robust z)",
      labelAnchor: "center",
      labelArrow: "none",
      labelOffset: 38,
    },
    y: { domain: kinds, label: null, tickSize: 0 },
    marks: [
      Plot.frame({ stroke: colour.line }),
      Plot.gridX([1, 2, 5, 10, 20, 50], { stroke: colour.line, strokeOpacity: 1 }),
      Plot.dot(dots, {
        fy: "task",
        y: "kind",
        x: (dot: ScoreDot) => Math.max(LEAST, dot.score),
        r: 3.5,
        stroke,
        fill: (dot: ScoreDot) => (dot.flagged ? stroke(dot) : colour.paper),
        fillOpacity: 0.75,
      }),
      Plot.text(
        tasks.map((task) => ({ task })),
        { fy: "task", text: "task", frameAnchor: "top-left", dy: -17, fill: colour.ink, fontWeight: 600 },
      ),
    ],
  };
}
