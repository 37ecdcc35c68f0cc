/** @file `--preprocessing auto`: the usual way to prepare inputs that fits clearly best, found by the model's answers. */

import type { WayTerms } from "../data/normalisations.ts";
import { type Sizing, sizeOptions, usualSizings } from "../data/sizing.ts";
import { usage } from "../graph/fault.ts";
import { type ExamineOptions, examine } from "../studies/examination.ts";
import { type FoundWay, type Inputs, modelPictureOf } from "../studies/inputs.ts";
import type { ReadModel } from "../studies/jobs/subject.ts";
import { SILENT } from "../studies/progress.ts";
import { type InputOptions, loadInputs } from "./inputs.ts";

/** Inputs, and the ways to bring them to the model's size: none where they are of it, or a size is stated. */
export interface SizedInputs {
  /** In the first of these ways. */
  readonly inputs: Inputs;
  readonly sizings: readonly Sizing[];
}

/** As they are where they fit the model, else brought to its size. @throws what reading throws of them as they are */
export async function loadSized(model: ReadModel, loading: InputOptions): Promise<SizedInputs> {
  checkLoading(loading);
  try {
    return { inputs: await loadInputs(model, loading), sizings: [] };
  } catch (error) {
    const picture = await modelPictureOf(model);
    const { resize, crop } = loading.reading ?? {};
    if (!picture || resize || crop) throw error;
    const sizings = usualSizings([picture[1]!, picture[2]!]);
    const inputs = await loadInputs(model, withFound(loading, sizings[0])).catch(() => {
      throw error;
    });
    return { inputs, sizings };
  }
}

/** Of what is found, the terms; the reason is told once all are. */
const withFound = (loading: InputOptions, terms: WayTerms, reason = ""): InputOptions => ({
  ...loading,
  found: { terms, reason },
});

/** @throws UserError (usage) where what is to be found is stated */
function checkLoading({ stated, reading }: InputOptions): void {
  if (stated.mean ?? stated.std ?? stated.range ?? reading?.channelOrder) {
    throw usage("--preprocessing auto finds --mean, --std, --range and --channel-order; leave them out");
  }
}

/**
 * The inputs prepared in the way that is clearly best: better than as they are by the tests of `tryWays`, and than every
 * other way that feeds other numbers. As they are where none is; which it was is said, and stands in their contract.
 * Where they are not of the model's size, brought to it in the usual way that gets most right; the first of equal ones.
 *
 * @throws UserError (usage) where the data has no labels to tell by; what reading throws
 */
export async function foundInputs(
  model: ReadModel,
  { inputs, sizings }: SizedInputs,
  loading: InputOptions,
  options: ExamineOptions,
): Promise<Inputs> {
  if (!inputs.dataset.labels) {
    throw usage("--preprocessing auto goes by how many answers are right, and the data has no labels; give --labels");
  }
  const { say } = options.progress ?? SILENT;
  const way = await foundWay(model, inputs, options);
  if (sizings.length === 0) return way ? loadInputs(model, { ...loading, found: way }) : inputs;
  const tried: { readonly option: string; readonly right: number; readonly inputs: Inputs }[] = [];
  for (const sizing of sizings) {
    const sized = await loadInputs(model, withFound(loading, { ...way?.terms, ...sizing }));
    const { correct } = await answersOf(model, sized, options);
    tried.push({ option: sizeOptions(sizing), right: correct.length, inputs: sized });
  }
  const best = tried.reduce((a, b) => (b.right > a.right ? b : a));
  const total = inputs.chunk.labels.length;
  const counts = tried.map(({ option, right }) => `${option} gets ${right} of ${total} right`).join(", ");
  say(`Size: ${best.option}, found by --preprocessing auto: ${counts}.`);
  const reason = [`found by --preprocessing auto: ${counts}`, ...(way ? [way.reason] : [])].join("; ");
  const terms = { ...way?.terms, ...sizings[tried.indexOf(best)] };
  return loadInputs(model, withFound(loading, terms, reason));
}

const answersOf = (model: ReadModel, inputs: Inputs, options: ExamineOptions) =>
  examine(model, inputs, { ...options, force: true, judgesOneClass: true, progress: SILENT });

/** Undefined where no way is clearly the best: then the inputs stay as they are, which is said. */
async function foundWay(model: ReadModel, inputs: Inputs, options: ExamineOptions): Promise<FoundWay | undefined> {
  const { say } = options.progress ?? SILENT;
  const { ways } = await answersOf(model, inputs, options);
  const better = ways?.better;
  if (!better) {
    say("Preprocessing: no usual one is clearly better than none; the inputs stay as they are.");
    return undefined;
  }
  const { name, option, terms, notice, rivals } = better;
  if (rivals.length > 0) {
    say(
      `Preprocessing: it is not clear which fits: ${[option, ...rivals].join(" or ")}; state one, or give more inputs. The inputs stay as they are.`,
    );
    return undefined;
  }
  const reason = `found by --preprocessing auto, clearly the best of ${ways.tried.ways.length} usual ones: ${notice.measured}`;
  say(`Preprocessing: ${name} (${option}), ${reason}.`);
  return { terms, reason };
}
