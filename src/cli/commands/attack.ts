import { environment } from "../../local/environment.ts";
import { loadMethods } from "../../local/plugins.ts";
import { checkSaveFolder, saveInputs } from "../../local/saved-inputs.ts";
import { makeWitnesses } from "../../local/witness-files.ts";
import { attackFamily, standardAttack } from "../../methods/attack/index.ts";
import { withShared } from "../../methods/options.ts";
import { percent, secondsText } from "../../report/format.ts";
import { attackEach, attackMinimal } from "../../studies/attack.ts";
import type { ResultFile } from "../../studies/result-schema.ts";
import { resultsFile } from "../../studies/sweep.ts";
import { readOptions } from "../config.ts";
import { attackRemarks, checkOutputs, deliver, deliverTable, gateCode } from "../deliver.ts";
import { bisectionOf, checkBox, setsOf } from "../epsilon.ts";
import type { Io } from "../io.ts";
import { checkOwn, chooseMethods } from "../method-names.ts";
import type { Options } from "../options.ts";
import { cleanLine, radiusLines, rateText, savedLines, sweepSummary, threatText, unknownLine } from "../result-text.ts";
import { openSession, type Session } from "../session.ts";
import { attackVerb } from "../verbs/attack.ts";

type AttackVerbOptions = Options<(typeof attackVerb.options)[number]>;

export async function attack(path: string, raw: Readonly<Record<string, unknown>>, io: Io): Promise<number> {
  const options: AttackVerbOptions = readOptions(attackVerb.options, raw);
  const { steps, restarts, loss, stepSize: relativeStep, target } = options;
  const { attacks: own } = await loadMethods(options.plugin ?? []);
  checkOwn(options.plugin, { noun: "attack" }, own);
  const chosen = await chooseMethods(attackFamily, options.method, options.norm, { own, standard: [standardAttack] });
  const attacks = withShared(chosen, { steps, restarts, loss, relativeStep });
  const [sets, epsilons] = setsOf(options);
  const minimal = bisectionOf(options);
  checkOutputs(options);
  checkSaveFolder(options.saveInputs);
  await using session = await openSession(path, options, io, checkBox(sets.box));
  const request = {
    ...sets,
    provenance: { command: io.command, environment: environment() },
    attacks,
    target,
    witnesses: makeWitnesses(options, session.inputs),
  };
  const done = minimal
    ? [await attackMinimal(session, request, minimal)]
    : await attackEach(session, request, epsilons);
  const [{ witnesses }] = done as [(typeof done)[number]];
  const attacked = done.flatMap((one) => one.attacked);
  const found = done.map((one) => one.file);
  const files = options.saveInputs ? await saveInputs(options.saveInputs, found, session, sets) : found;
  session.progress.end();
  const refuted = attacked.filter((record) => record.refuted).length;
  if (refuted > 0) session.progress.say(`${refuted} witnesses did not hold on the model file and were dropped`);
  for (const line of attackRemarks(attacked)) session.progress.say(line);
  const lost = witnesses.lost();
  if (lost !== undefined) session.progress.say(lost);
  await deliverTable(files, options);
  const [file] = files as [ResultFile];
  const text = [
    ...(files.length === 1 ? summary(file, session) : sweepSummary(files, session)),
    ...savedLines(files, options.saveInputs, session.inputs),
  ];
  await deliver(resultsFile(files), options, text, io);
  const { inputs, correct, falsified, alreadyThere = 0 } = file.counts;
  // an attack proves nothing: what it leaves standing may still fall
  return gateCode(options.gate, {
    least: 0,
    most: correct - falsified - alreadyThere,
    inputs: inputs - alreadyThere,
  });
}

function summary(file: ResultFile, session: Session): string[] {
  const { inputs, correct, falsified, alreadyThere: there = 0 } = file.counts;
  const seconds = file.results.reduce((sum, result) => sum + result.seconds, 0);
  return [
    `${file.method} on ${file.model.path}, ${threatText(file)}, ${session.inputs.dataset.name}`,
    cleanLine(file, session),
    ...(there > 0 ? [`already there      ${there} of the target's class, not attacked and not counted below`] : []),
    ...(inputs > there
      ? [
          `under attack       ${rateText(correct - there - falsified, inputs - there)}, error ${percent(1 - (correct - there - falsified) / (inputs - there), 2)}`,
        ]
      : []),
    `falsified          ${falsified} of ${correct - there}, each re-run on the model file`,
    ...unknownLine(file),
    ...radiusLines(file),
    `compute            ${secondsText(seconds)}`,
  ];
}
