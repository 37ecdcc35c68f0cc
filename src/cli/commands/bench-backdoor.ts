import { basename, dirname, extname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { STORE } from "../../local/open.ts";
import { checkOutputFile, checkOutputFolder, writeWhole } from "../../local/output.ts";
import { besides, openStudy, readStated } from "../../local/studies.ts";
import { picturedPage } from "../../report/evaluation/pictures.ts";
import { parseEvaluation } from "../../studies/evaluation/config.ts";
import { type Evaluated, evaluate } from "../../studies/evaluation/evaluate.ts";
import type { EvaluationFile } from "../../studies/evaluation/types.ts";
import { EXIT } from "../errors.ts";
import type { Io } from "../io.ts";
import { createProgress } from "../progress.ts";
import { tellingTrained } from "../trained-text.ts";
import type { BenchOptions } from "../verbs/bench.ts";

/** Of the package. */
const DEFAULT_CONFIG = fileURLToPath(new URL("../../../bench/backdoor.json", import.meta.url));
const DEFAULT_OUT = "report/bench-backdoor";

export async function benchBackdoor(options: BenchOptions, io: Io): Promise<number> {
  const path = io.second ?? DEFAULT_CONFIG;
  const config = await parseEvaluation(readStated(path, "the configuration"), besides(path));
  const out = options.out ?? DEFAULT_OUT;
  const page = options.page ?? join(out, "evaluation.md");
  const progress = await createProgress(io.stderr, false);
  const { jobs: workers, resume } = options;
  await using study = openStudy(out, { workers, resume, store: STORE, signal: io.signal, progress });
  checkOutputFile(page);
  const { file } = await evaluate(config, {
    ...study,
    about: { command: io.command.replace(/ --resume\b/, ""), config: relative(process.cwd(), path) },
    onTrained: tellingTrained(progress),
    onTask: (evaluated) => writePage(page, evaluated),
  });
  progress.end();
  await io.print(options.json ? `${JSON.stringify(file)}\n` : textOf(file, page));
  return EXIT.passed;
}

/** The page, and its plots in a folder of its name. */
async function writePage(path: string, evaluated: Evaluated): Promise<void> {
  const folder = basename(path, extname(path));
  checkOutputFolder(join(dirname(path), folder));
  const { page, pictures } = await picturedPage(evaluated, folder);
  for (const [name, svg] of pictures) writeWhole(join(dirname(path), name), svg);
  writeWhole(path, page);
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
