/** @file How often the model is surely wrong under rising noise, beside what clean models do. */
import type { PlotOptions } from "@observablehq/plot";
import { numberText, percent } from "../format.ts";
import type { NoiseCurve } from "../sections/tampering/schema.ts";
import { type ChartKit, colour, drawSmallChart } from "./chart.ts";

/** Closer ticks than this, in CSS pixels, run into each other. */
const TICK_SPACING = 30;
const MARGINS = { marginLeft: 42, marginRight: 14, marginTop: 12, marginBottom: 40 };

function describe({ intensities, shares, band }: NoiseCurve): string {
  return intensities
    .map((sigma, i) => {
      const others = band ? `, clean models ${percent(band.lower[i]!, 0)} to ${percent(band.upper[i]!, 0)}` : "";
      return `at ${numberText(sigma)} ${percent(shares[i]!, 0)}${others}`;
    })
    .join("; ");
}

/** @param top end of the vertical axis, so that charts side by side can be compared */
export function responseChart(kit: ChartKit, curve: NoiseCurve, id: string, top: number): string {
  const text = { id, title: `High-confidence errors. ${curve.title}`, description: `${describe(curve)}.` };
  return drawSmallChart(kit, text, (width) => design(kit, curve, width, top));
}

/** The largest value of any of the charts, rounded up to a quarter. */
export const responseTop = (curves: readonly NoiseCurve[]): number =>
  Math.max(
    0.25,
    Math.ceil(4 * Math.max(0, ...curves.flatMap(({ shares, band }) => [...shares, ...(band?.upper ?? [])]))) / 4,
  );

function design(
  { plot: Plot }: ChartKit,
  { mode, intensities, shares, band }: NoiseCurve,
  width: number,
  top: number,
): PlotOptions {
  const last = intensities.at(-1)! || 1;
  // low intensities stand close together: the root spreads them
  const position = (sigma: number) => (width - MARGINS.marginLeft - MARGINS.marginRight) * Math.sqrt(sigma / last);
  const ticks: number[] = [];
  for (const sigma of intensities) {
    const before = ticks.at(-1);
    if (before === undefined || position(sigma) - position(before) >= TICK_SPACING) ticks.push(sigma);
  }
  const share = mode.includes("salt");
  const points = intensities.map((sigma, i) => ({
    sigma,
    own: shares[i]!,
    ...(band && { lower: band.lower[i]!, median: band.median[i]!, upper: band.upper[i]! }),
  }));
  const levels = [0, 0.25, 0.5, 0.75, 1].filter((level) => level <= top);
  return {
    ...MARGINS,
    height: 210,
    style: { fontSize: "12px", color: colour.muted },
    x: {
      type: "sqrt",
      domain: [0, last],
      label: share ? "share of pixels replaced" : "noise, times the pixels' range",
      labelAnchor: "center",
      labelArrow: "none",
      labelOffset: 36,
      ticks,
      tickFormat: (sigma: number) => numberText(sigma),
    },
    y: { domain: [0, top], ticks: levels, tickSize: 0, tickFormat: (level: number) => `${level * 100}%`, label: null },
    marks: [
      Plot.gridY(levels, { stroke: colour.line, strokeOpacity: 1 }),
      ...(band
        ? [
            Plot.areaY(points, { x: "sigma", y1: "lower", y2: "upper", fill: colour.certified, fillOpacity: 0.2 }),
            Plot.lineY(points, {
              x: "sigma",
              y: "median",
              stroke: colour.certified,
              strokeWidth: 1.5,
              strokeDasharray: "5,3",
            }),
          ]
        : []),
      Plot.lineY(points, { x: "sigma", y: "own", stroke: colour.attacked, strokeWidth: 2.5 }),
      Plot.dot(points, { x: "sigma", y: "own", r: 3, fill: colour.attacked, stroke: colour.paper, strokeWidth: 1 }),
      Plot.ruleY([0], { stroke: colour.muted }),
    ],
  };
}
