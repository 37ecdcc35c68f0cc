import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { usage } from "../../graph/fault.ts";
import { didYouMean } from "../../graph/suggest.ts";
import { checkOutputFile, checkOutputFolder, writeWhole } from "../../local/output.ts";
import type { EvaluationFile } from "../../studies/evaluation/types.ts";
import { type BenchConfig, readBenchConfig } from "../bench-config.ts";
import { type ControlRun, runControl } from "../bench-controls.ts";
import { writePage } from "../bench-page.ts";
import { evaluationFile, runTask, type TaskRun } from "../bench-run.ts";
import { readOptions } from "../config.ts";
import { EXIT } from "../errors.ts";
import type { Io } from "../io.ts";
import { createKeptRun } from "../kept-run.ts";
import { findDetectors } from "../population-run.ts";
import { createProgress } from "../progress.ts";
import { benchVerb } from "../verbs/bench.ts";

/** What can be evaluated. */
const SUBJECTS = ["backdoor"] as const;
/** Of the package. */
const DEFAULT_CONFIG = fileURLToPath(new URL("../../../bench/backdoor.json", import.meta.url));
const DEFAULT_OUT = "report/bench-backdoor";

export async function bench(subject: string, raw: Readonly<Record<string, unknown>>, io: Io): Promise<number> {
  if (!SUBJECTS.some((known) => known === subject)) {
    throw usage(
      `there is no evaluation of "${subject}"; known are ${SUBJECTS.join(", ")}.${didYouMean(subject, SUBJECTS)}`,
    );
  }
  const options = readOptions(benchVerb.options, raw);
  const path = io.second ?? DEFAULT_CONFIG;
  const config = readBenchConfig(path);
  const out = options.out ?? DEFAULT_OUT;
  const page = options.page ?? join(out, "evaluation.md");
  await checkDetectors(config);
  checkOutputFolder(out);
  checkOutputFile(page);
  const progress = await createProgress(io.stderr, false);
  await using run = await createKeptRun(options, io, progress);
  const about = { command: io.command.replace(/ --resume\b/, ""), config: relative(process.cwd(), path) };
  const tasks: TaskRun[] = [];
  const controls: ControlRun[] = [];
  let file = evaluationFile({ tasks, controls }, config, about);
  for (const task of config.tasks) {
    const done = await runTask(task, out, run);
    tasks.push(done);
    for (const control of config.controls.filter((one) => one.task === task.name))
      controls.push(await runControl(control, done, out, run));
    // after each task: hours may lie between them
    file = evaluationFile({ tasks, controls }, config, about);
    writeWhole(join(out, "evaluation.json"), jsonOf(file));
    await writePage(page, file, tasks);
  }
  progress.end();
  await io.print(options.json ? jsonOf(file) : textOf(file, page));
  return EXIT.passed;
}

const jsonOf = (file: EvaluationFile): string => `${JSON.stringify(file)}\n`;

/** Before hours of training. @throws UserError (usage) for a detector that there is not */
async function checkDetectors({ tasks, controls }: BenchConfig): Promise<void> {
  for (const { recipe } of controls) await findDetectors(recipe.detectors);
  for (const { reference, evaluation } of tasks) {
    await findDetectors(evaluation.detectors);
    if (reference.kind === "recipe") await findDetectors(reference.recipe.detectors);
  }
}

function textOf({ evaluation: { rows } }: EvaluationFile, page: string): string {
  const overall = rows.filter(
    ({ family, group, architecture, stratum }) =>
      family === null && group === null && architecture === null && stratum === "accepted",
  );
  const lines = overall.map(({ detector, clean, backdoored, area }) => {
    const value = area ? `AUC ${area.estimate.toFixed(2)}` : "no scores to compare";
    return `${detector}: ${value}, ${clean} clean and ${backdoored} backdoored models`;
  });
  return `${lines.join("\n")}\n${page}\n`;
}
