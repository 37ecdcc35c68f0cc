import { basename, join } from "node:path";
import { STORE } from "../../local/open.ts";
import { openStudy, readStated } from "../../local/studies.ts";
import { TOOL, VERSION } from "../../local/version.ts";
import { parsePopulationRecipe } from "../../methods/population/config.ts";
import type { Population } from "../../methods/population/types.ts";
import { groupLines } from "../../methods/population/write.ts";
import { POPULATION_FILE, populate } from "../../studies/population/populate.ts";
import { readOptions } from "../config.ts";
import { EXIT } from "../errors.ts";
import type { Io } from "../io.ts";
import { createProgress } from "../progress.ts";
import { tellingTrained } from "../trained-text.ts";
import { populationVerb } from "../verbs/population.ts";

export async function population(path: string, raw: Readonly<Record<string, unknown>>, io: Io): Promise<number> {
  const { out = basename(path).replace(/\.json$/, ""), ...options } = readOptions(populationVerb.options, raw);
  const recipe = parsePopulationRecipe(readStated(path).json);
  const progress = await createProgress(io.stderr, false);
  const { jobs: workers, resume } = options;
  await using study = openStudy(out, { workers, resume, store: STORE, signal: io.signal, progress });
  const { population: result } = await populate(recipe, { ...study, onTrained: tellingTrained(progress) });
  progress.end();
  const file = join(out, POPULATION_FILE);
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
