import { searchFile } from "../../local/backdoor.ts";
import { checkOutputFile } from "../../local/output.ts";
import { loadMethods } from "../../local/plugins.ts";
import { backdoorFamily, standardDetectors } from "../../methods/backdoor/index.ts";
import { besideOwn } from "../../methods/family.ts";
import { summaryLines } from "../backdoor-text.ts";
import { readOptions } from "../config.ts";
import { deliver } from "../deliver.ts";
import { EXIT } from "../errors.ts";
import type { Io } from "../io.ts";
import { checkOwn, chooseDetectors } from "../method-names.ts";
import type { Options } from "../options.ts";
import { runOptions, statedInputs } from "../session.ts";
import { backdoorVerb } from "../verbs/backdoor.ts";

type BackdoorOptions = Options<(typeof backdoorVerb.options)[number]>;

export async function backdoor(path: string, raw: Readonly<Record<string, unknown>>, io: Io): Promise<number> {
  const options: BackdoorOptions = readOptions(backdoorVerb.options, raw);
  const { data, images, training, reference, output, input, bind } = options;
  const { detectors: own } = await loadMethods(options.plugin ?? []);
  checkOwn(options.plugin, backdoorFamily, own);
  const named = options.detector && (await chooseDetectors(backdoorFamily, options.detector, own));
  const detectors = named ?? besideOwn(undefined, standardDetectors(training !== undefined), own);
  if (options.out !== undefined) checkOutputFile(options.out);
  const { file, examined } = await searchFile(path, {
    ...(await runOptions(options, io)),
    ...statedInputs(options),
    ...{ data, images, training, reference, output, input, bind, detectors },
  });
  const run = examined.map(({ detector }) => detector);
  await deliver(file, options, summaryLines(file, run), io);
  const { flagged } = file.verdict;
  return flagged === null ? EXIT.undecided : flagged ? EXIT.failed : EXIT.passed;
}
