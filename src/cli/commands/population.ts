import { basename } from "node:path";
import { TOOL, VERSION } from "../../local/version.ts";
import { parsePopulationRecipe } from "../../methods/population/config.ts";
import type { Population } from "../../methods/population/types.ts";
import { groupLines } from "../../methods/population/write.ts";
import { readOptions } from "../config.ts";
import { EXIT } from "../errors.ts";
import type { Io } from "../io.ts";
import { createKeptRun } from "../kept-run.ts";
import { readRecipe, runPopulation } from "../population-run.ts";
import { createProgress } from "../progress.ts";
import { populationVerb } from "../verbs/population.ts";

export async function population(path: string, raw: Readonly<Record<string, unknown>>, io: Io): Promise<number> {
  const options = readOptions(populationVerb.options, raw);
  const recipe = parsePopulationRecipe(readRecipe(path));
  const out = options.out ?? basename(path).replace(/\.json$/, "");
  const progress = await createProgress(io.stderr, false);
  await using run = await createKeptRun(options, io, progress);
  const { population: result, path: file } = await runPopulation(recipe, out, run);
  progress.end();
  await io.print(options.json ? `${JSON.stringify(summaryOf(result, file))}\n` : textOf(result, file));
  return EXIT.passed;
}

const summaryOf = ({ name, task, members }: Population, path: string) => ({
  tool: TOOL,
  version: VERSION,
  population: { name, path, architecture: task.architectureName },
  members: members.map(({ scans, ...member }) => ({
    ...member,
    scans: Object.fromEntries(Object.entries(scans).map(([id, { evidence: _, ...scan }]) => [id, scan])),
  })),
});

const textOf = ({ name, members }: Population, path: string): string =>
  `${path}: ${name}, ${members.length} members\n${groupLines(members).join("\n")}\n`;
