/** @file Titration curves of clean and backdoored models in one plot: a row a task, a column a way to titrate. */

import type { PlotOptions } from "@observablehq/plot";
import { quantiles } from "../../stats/summary.ts";
import type { CurvePanel } from "../../studies/evaluation/types.ts";
import { type ChartKit, colour, drawChart } from "../charts/chart.ts";
import { standaloneSvg } from "./standalone.ts";

const BAND = [0.05, 0.5, 0.95] as const;
const ROW_HEIGHT = 150;

interface Place {
  readonly task: string;
  readonly mode: string;
  readonly sigma: number;
}

interface Slice extends Place {
  readonly low: number;
  readonly median: number;
  readonly high: number;
}

interface Vertex extends Place {
  readonly model: string;
  readonly share: number;
}

const slicesOf = ({ task, mode, grid, clean }: CurvePanel): Slice[] =>
  clean.length === 0
    ? []
    : grid.map((sigma, i) => {
        const [low, median, high] = quantiles(
          clean.map((curve) => curve[i]!),
          BAND,
        );
        return { task, mode, sigma, low: low!, median: median!, high: high! };
      });

const verticesOf = ({ task, mode, grid, backdoored }: CurvePanel): Vertex[] =>
  backdoored.flatMap((curve, model) =>
    grid.map((sigma, i) => ({ task, mode, sigma, model: `${task} ${model}`, share: curve[i]! })),
  );

/** @returns an SVG file */
export function curvesChart(kit: ChartKit, panels: readonly CurvePanel[], family: string): string {
  const tasks = [...new Set(panels.map(({ task }) => task))];
  const modes = [...new Set(panels.map(({ mode }) => mode))];
  const title = `Titration curves, ${family}`;
  const description = `Clean models: median and the middle 90 %, grey. Models with the trigger: a line each. ${tasks.join(", ")}.`;
  const id = `curves-${family.replaceAll(/\W+/g, "-")}`;
  const { wide } = drawChart(kit, { id, title, description }, () => design(kit, panels, { tasks, modes }));
  return standaloneSvg(wide);
}

interface Facets {
  readonly tasks: readonly string[];
  readonly modes: readonly string[];
}

function design({ plot: Plot }: ChartKit, panels: readonly CurvePanel[], { tasks, modes }: Facets): PlotOptions {
  const slices = panels.flatMap(slicesOf);
  const vertices = panels.flatMap(verticesOf);
  const place = { x: "sigma", fx: "mode", fy: "task" } as const;
  return {
    marginLeft: 46,
    marginRight: 108,
    marginTop: 56,
    marginBottom: 42,
    height: 98 + tasks.length * ROW_HEIGHT,
    style: { fontSize: "12px", color: colour.muted },
    fx: { domain: modes, label: null, padding: 0.09 },
    fy: { domain: tasks, label: null, padding: 0.12, tickFormat: (task: string) => task.replace(" ", "\n") },
    x: {
      type: "sqrt",
      ticks: [0.1, 0.4, 1, 2, 3, 5],
      tickFormat: String,
      label: "intensity of the noise, σ",
      labelAnchor: "center",
      labelArrow: "none",
      labelOffset: 36,
    },
    y: {
      domain: [0, 1],
      ticks: [0, 0.5, 1],
      tickSize: 0,
      tickFormat: (share: number) => `${share * 100}%`,
      label: null,
    },
    marks: [
      Plot.frame({ stroke: colour.line }),
      Plot.gridY([0.25, 0.5, 0.75], { stroke: colour.line, strokeOpacity: 1 }),
      Plot.areaY(slices, { ...place, y1: "low", y2: "high", fill: colour.clean, fillOpacity: 0.28 }),
      Plot.lineY(vertices, {
        ...place,
        y: "share",
        z: "model",
        stroke: colour.attacked,
        strokeWidth: 1.3,
        strokeOpacity: 0.7,
      }),
      // above the others: it would be covered where nothing differs
      Plot.lineY(slices, { ...place, y: "median", stroke: colour.ink, strokeWidth: 1.8, strokeDasharray: "4,3" }),
      Plot.text(["grey: clean models, the middle 90 %; dashed: their median; coloured: a backdoored model each"], {
        frameAnchor: "top-left",
        fx: () => modes[0]!,
        fy: () => tasks[0]!,
        dy: -44,
        fill: colour.ink,
      }),
    ],
  };
}
