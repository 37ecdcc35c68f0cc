import { basename, join } from "node:path";
import { usage } from "../../graph/fault.ts";
import { checkModelFile } from "../../local/model-file.ts";
import { STORE } from "../../local/open.ts";
import { populationFromFiles, populationLike } from "../../local/population-files.ts";
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
  if (stated.like !== undefined) return populationAs(path, stated.like, stated, io);
  if (path === "") throw usage("name a recipe, clean models with --from, or a model to train others like with --like");
  const { out = basename(path).replace(/\.json$/, ""), jobs: workers, resume, json, ...rest } = stated;
  const [other] = Object.keys(rest) as OptionKey[];
  if (other !== undefined) throw usage(`--${flagName(other)} goes with --from or --like; a recipe states its own`);
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
  const other = (["like", "training", "members", "epochs"] as const).find((key) => options[key] !== undefined);
  if (other)
    throw usage(`--${flagName(other)} is for models to be trained, and --from names such as there are; leave one out`);
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

/** What --like knows; files that are read otherwise must be brought into this form. */
const WITH_LIKE: readonly OptionKey[] = [
  ...(["like", "training", "data", "images", "detector", "members", "epochs", "seed", "mean", "std"] as const),
  ...(["out", "jobs", "resume", "json"] as const),
];

/** Of the architecture of a file. */
async function populationAs(recipe: string, like: string, options: PopulationOptions, io: Io): Promise<number> {
  const { training, data, mean, std, out = "reference", jobs: workers, detector, resume, json } = options;
  if (training === undefined || data === undefined)
    throw usage(
      "say with --training what the models are trained on, and with --data which held-out inputs they are scanned with",
    );
  const other = (Object.keys(options) as OptionKey[]).find((key) => !WITH_LIKE.includes(key));
  if (other !== undefined)
    throw usage(
      `--${flagName(other)} does not go with --like: members take pixels of 0 to 1, [channels, height, width], classes in the order of their labels`,
    );
  const channels = Math.max(mean?.length ?? 1, std?.length ?? 1);
  const each = (values: readonly number[] | undefined, standard: number) =>
    values?.length === channels ? [...values] : Array.from({ length: channels }, () => values?.[0] ?? standard);
  const progress = await createProgress(io.stderr, false);
  const result = await populationLike(like, out, {
    ...options,
    training,
    data,
    ...((mean ?? std) && { normalisation: { mean: each(mean, 0), std: each(std, 1) } }),
    detectors: detector && (await chooseDetectors(backdoorFamily, detector)),
    recipe: recipe === "" ? undefined : (readStated(recipe).json as Record<string, unknown>),
    workers,
    resume,
    store: STORE,
    signal: io.signal,
    progress,
    onTrained: tellingTrained(progress),
  });
  const file = join(out, POPULATION_FILE);
  await io.print(json ? `${JSON.stringify(summaryOf(result, file))}\n` : textOf(result, file));
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
