import { savingAlarms } from "../../local/alarm-file.ts";
import { environment } from "../../local/environment.ts";
import { loadMethods } from "../../local/plugins.ts";
import { makeWitnesses } from "../../local/witness-files.ts";
import { standardVerifier, verifyFamily } from "../../methods/verify/index.ts";
import { percent, secondsText } from "../../report/format.ts";
import { unknownText } from "../../report/read.ts";
import { certifyEach, certifyMinimal } from "../../studies/certify.ts";
import type { ResultFile } from "../../studies/result-schema.ts";
import { resultsFile } from "../../studies/sweep.ts";
import { readOptions } from "../config.ts";
import { attackRemarks, checkOutputs, deliver, deliverTable, gateCode } from "../deliver.ts";
import { bisectionOf, checkBox, setsOf } from "../epsilon.ts";
import type { Io } from "../io.ts";
import { checkOwn, chooseMethods } from "../method-names.ts";
import type { Options } from "../options.ts";
import { cleanLine, radiusLines, rateText, sweepSummary, threatText } from "../result-text.ts";
import { openSession, type Session } from "../session.ts";
import { certifyVerb } from "../verbs/certify.ts";

type CertifyOptions = Options<(typeof certifyVerb.options)[number]>;

export async function certify(path: string, raw: Readonly<Record<string, unknown>>, io: Io): Promise<number> {
  const options: CertifyOptions = readOptions(certifyVerb.options, raw);
  const { arithmetic, attack } = options;
  const { verifiers: own } = await loadMethods(options.plugin ?? []);
  checkOwn(options.plugin, { noun: "verifier" }, own);
  const verifiers = await chooseMethods(verifyFamily, options.method, options.norm, {
    own,
    standard: [standardVerifier],
  });
  const [sets, epsilons] = setsOf(options);
  const minimal = bisectionOf(options);
  checkOutputs(options);
  await using session = await openSession(path, options, io, checkBox(sets.box));
  const request = {
    ...sets,
    provenance: { command: io.command, environment: environment() },
    verifiers,
    arithmetic,
    attack,
    witnesses: makeWitnesses(options, session.inputs),
  };
  const done = await savingAlarms(async () =>
    minimal ? [await certifyMinimal(session, request, minimal)] : certifyEach(session, request, epsilons),
  );
  const [{ file, roundingDecides, witnesses }] = done as [(typeof done)[number]];
  const files = done.map((one) => one.file);
  session.progress.end();
  for (const line of attackRemarks(done.flatMap((one) => one.attacked))) session.progress.say(line);
  if (roundingDecides > 0) {
    session.progress.say(
      `${roundingDecides} inputs bounded in real arithmetic are falsified in float32: rounding decides them; they count as falsified`,
    );
  }
  const lost = witnesses.lost();
  if (lost !== undefined) session.progress.say(lost);
  await deliverTable(files, options);
  const text = files.length === 1 ? summary(file, session, arithmetic === "real") : sweepSummary(files, session);
  await deliver(resultsFile(files), options, text, io);
  const { inputs, correct, certified, falsified } = file.counts;
  return gateCode(options.gate, { least: certified, most: correct - falsified, inputs });
}

function summary(file: ResultFile, session: Session, real: boolean): string[] {
  const { inputs, correct, certified, falsified, unknown, bounded = 0 } = file.counts;
  const seconds = file.results.reduce((sum, result) => sum + result.seconds, 0);
  const claim = real ? "real arithmetic, for comparison only" : "float32, rounding included";
  return [
    `${file.method} on ${file.model.path}, ${threatText(file)}, ${session.inputs.dataset.name} (${claim})`,
    cleanLine(file, session),
    real
      ? `bounded (real arithmetic)  ${rateText(bounded, inputs)}; no proof: rounding is left out`
      : `certified          ${rateText(certified, inputs)}, error ${percent(1 - certified / inputs, 2)}`,
    `falsified          ${falsified} of ${correct}, each re-run on the model file`,
    `unknown            ${unknown}${unknown > 0 ? ` (${unknownText(file.reasons)})` : ""}`,
    ...radiusLines(file),
    `compute            ${secondsText(seconds)}`,
  ];
}
