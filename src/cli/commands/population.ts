import { basename, join } from "node:path";
import { usage } from "../../graph/fault.ts";
import { checkModelFile } from "../../local/model-file.ts";
import { STORE } from "../../local/open.ts";
import { populationFromFiles } from "../../local/population-files.ts";
import { openStudy, readStated } from "../../local/studies.ts";
import { TOOL, VERSION } from "../../local/version.ts";
import { backdoorFamily } from "../../methods/backdoor/index.ts";
import { parsePopulationRecipe } from "../../methods/population/config.ts";
import type { Population } from "../../methods/population/types.ts";
import { groupLines } from "../../methods/population/write.ts";
import { POPULATION_FILE, populate } from "../../studies/population/populate.ts";
import { readOptions } from "../config.ts";
import { EXIT } from "../errors.ts";
import type { Io } from "../io.ts";
import { chooseDetectors } from "../method-names.ts";
import { flagName, type OptionKey, type Options } from "../options.ts";
import { createProgress } from "../progress.ts";
import { runOptions, statedInputs } from "../session.ts";
import { tellingTrained } from "../trained-text.ts";
import { populationVerb } from "../verbs/population.ts";

type PopulationOptions = Options<(typeof populationVerb.options)[number]>;

export async function population(path: string, raw: Readonly<Record<string, unknown>>, io: Io): Promise<number> {
  const stated = readOptions(populationVerb.options, raw);
  if (stated.from !== undefined) return populationFrom(path, stated.from, stated, io);
  if (path === "") throw usage("name a recipe, or clean models with --from");
  const { out = basename(path).replace(/\.json$/, ""), jobs: workers, resume, json, ...rest } = stated;
  const [other] = Object.keys(rest) as OptionKey[];
  if (other !== undefined) throw usage(`--${flagName(other)} goes with --from; a recipe states its own`);
  const recipe = parsePopulationRecipe(readStated(path).json);
  const progress = await createProgress(io.stderr, false);
  await using study = openStudy(out, { workers, resume, store: STORE, signal: io.signal, progress });
  const { population: result } = await populate(recipe, { ...study, onTrained: tellingTrained(progress) });
  progress.end();
  const file = join(out, POPULATION_FILE);
  await io.print(json ? `${JSON.stringify(summaryOf(result, file))}\n` : textOf(result, file));
  return EXIT.passed;
}

/** Of models that there are. */
async function populationFrom(recipe: string, from: readonly string[], options: PopulationOptions, io: Io) {
  if (recipe !== "") throw usage(`${recipe} is a recipe, and --from names models; leave one of them out`);
  const { data, images, out = "reference" } = options;
  if (data === undefined)
    throw usage("say with --data which inputs the models are scanned with: those of the model to judge");
  for (const path of from) checkModelFile(path);
  const detectors = options.detector && (await chooseDetectors(backdoorFamily, options.detector));
  const { output, input, bind } = options;
  const terms = { ...statedInputs(options), data, images, output, input, bind, detectors };
  const [first, ...others] = from;
  const run = await runOptions(options, io);
  const result = await populationFromFiles([first!, ...others], out, { ...run, ...terms });
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
