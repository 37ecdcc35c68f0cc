/** @file `--preprocessing auto`: the usual way to prepare inputs that fits clearly best, found by the model's answers. */

import { usage } from "../graph/fault.ts";
import { type ExamineOptions, examine } from "../studies/examination.ts";
import type { Inputs } from "../studies/inputs.ts";
import type { ReadModel } from "../studies/jobs/subject.ts";
import { SILENT } from "../studies/progress.ts";
import { type InputOptions, loadInputs } from "./inputs.ts";

/**
 * The inputs prepared in the way that is clearly best: better than as they are by the tests of `tryWays`, and than every
 * other way that feeds other numbers. As they are where none is; which it was is said, and stands in their contract.
 *
 * @throws UserError (usage) where what is to be found is stated, or the data has no labels to tell by; what reading throws
 */
export async function foundInputs(
  model: ReadModel,
  inputs: Inputs,
  loading: InputOptions,
  options: ExamineOptions,
): Promise<Inputs> {
  const { stated, reading } = loading;
  if (stated.mean ?? stated.std ?? stated.range ?? reading?.channelOrder) {
    throw usage("--preprocessing auto finds --mean, --std, --range and --channel-order; leave them out");
  }
  if (!inputs.dataset.labels) {
    throw usage("--preprocessing auto goes by how many answers are right, and the data has no labels; give --labels");
  }
  const { say } = options.progress ?? SILENT;
  const { ways } = await examine(model, inputs, { ...options, force: true, judgesOneClass: true, progress: SILENT });
  const better = ways?.better;
  if (!better) {
    say("Preprocessing: no usual one is clearly better than none; the inputs stay as they are.");
    return inputs;
  }
  const { name, option, terms, notice, rivals } = better;
  if (rivals.length > 0) {
    say(
      `Preprocessing: it is not clear which fits: ${[option, ...rivals].join(" or ")}; state one. The inputs stay as they are.`,
    );
    return inputs;
  }
  const reason = `found by --preprocessing auto, clearly the best of ${ways.tried.ways.length} usual ones: ${notice.measured}`;
  say(`Preprocessing: ${name} (${option}), ${reason}.`);
  return loadInputs(model, { ...loading, found: { terms, reason } });
}
