/** @file The page of an evaluation with its plots. */

import type { Evaluated } from "../../studies/evaluation/evaluate.ts";
import { loadChartKit } from "../charts/chart.ts";
import { areaDots, areasChart } from "./areas.ts";
import { curvesChart } from "./curves.ts";
import type { Figure } from "./figures.ts";
import { evaluationPage } from "./page.ts";
import { controlDots, scoreDots, scoresChart } from "./scores.ts";

export interface Pictured {
  readonly page: string;
  /** SVG files by their place from the page. */
  readonly pictures: ReadonlyMap<string, string>;
}

/** @param folder of the plots, from the page */
export async function picturedPage({ file, curves }: Evaluated, folder: string): Promise<Pictured> {
  const kit = await loadChartKit();
  const { subject, level } = file.evaluation;
  const pictures = new Map<string, string>();
  const figure = (name: string, title: string, svg: string): Figure => {
    const path = `${folder}/${name}.svg`;
    pictures.set(path, svg);
    return { path, title };
  };
  const ifAny = <T>(dots: readonly T[], draw: (dots: readonly T[]) => Figure) =>
    dots.length === 0 ? null : draw(dots);
  const clean = ["clean", ...file.controls.map(({ title }) => title)];
  const page = evaluationPage(file, {
    areas: ifAny(areaDots(file.evaluation), (dots) =>
      figure("auc", "AUC by trigger and detector", areasChart(kit, dots, subject)),
    ),
    scores: ifAny(scoreDots(file.models, subject, level), (dots) =>
      figure("scores", `The score of ${subject}`, scoresChart(kit, dots, subject)),
    ),
    controls: ifAny(controlDots(file), (dots) =>
      figure("controls", "Clean models trained otherwise", scoresChart(kit, dots, subject, clean)),
    ),
    curves: curves.map(({ family, panels }) =>
      figure(family.replaceAll(/\W+/g, "-"), family, curvesChart(kit, panels, family)),
    ),
  });
  return { page, pictures };
}
