import { basename, dirname, extname, join } from "node:path";
import { checkOutputFolder, writeWhole } from "../local/output.ts";
import { loadChartKit } from "../report/charts/chart.ts";
import { areaDots, areasChart } from "../report/evaluation/areas.ts";
import { curvesChart } from "../report/evaluation/curves.ts";
import { evaluationPage } from "../report/evaluation/page.ts";
import { controlDots, scoreDots, scoresChart } from "../report/evaluation/scores.ts";
import type { EvaluationFile } from "../studies/evaluation/types.ts";
import { curvesByFamily, type TaskRun } from "./bench-run.ts";

/** The page, and its plots in a folder of its name. */
export async function writePage(page: string, file: EvaluationFile, runs: readonly TaskRun[]): Promise<void> {
  const kit = await loadChartKit();
  const folder = basename(page, extname(page));
  checkOutputFolder(join(dirname(page), folder));
  const figure = (name: string, title: string, svg: string) => {
    const path = `${folder}/${name}.svg`;
    writeWhole(join(dirname(page), path), svg);
    return { path, title };
  };
  const dots = areaDots(file.evaluation);
  const areas =
    dots.length === 0
      ? null
      : figure("auc", "AUC by trigger and detector", areasChart(kit, dots, file.evaluation.subject));
  const { subject, level } = file.evaluation;
  const marks = scoreDots(file.models, subject, level);
  const scores =
    marks.length === 0 ? null : figure("scores", `The score of ${subject}`, scoresChart(kit, marks, subject));
  const others = controlDots(file);
  const clean = ["clean", ...file.controls.map(({ title }) => title)];
  const controls =
    others.length === 0
      ? null
      : figure("controls", "Clean models trained otherwise", scoresChart(kit, others, subject, clean));
  const curves = curvesByFamily(runs).map(({ family, panels }) =>
    figure(family.replaceAll(/\W+/g, "-"), family, curvesChart(kit, panels, family)),
  );
  writeWhole(page, evaluationPage(file, { areas, scores, controls, curves }));
}
