import { savingAlarms } from "../../local/alarm-file.ts";
import { environment } from "../../local/environment.ts";
import { createWitnesses } from "../../local/witness-files.ts";
import { standardVerifier, verifyFamily } from "../../methods/verify/index.ts";
import { percent, secondsText } from "../../report/format.ts";
import { unknownText } from "../../report/read.ts";
import { certify as certifyStudy } from "../../studies/certify.ts";
import type { ResultFile } from "../../studies/result-schema.ts";
import { readOptions } from "../config.ts";
import { attackRemarks, checkOutputs, deliver, deliverTable, gateCode } from "../deliver.ts";
import { checkBox, setTerms } from "../epsilon.ts";
import type { Io } from "../io.ts";
import { chooseMethods } from "../method-names.ts";
import type { Options } from "../options.ts";
import { cleanLine, rateText, threatText } from "../result-text.ts";
import { openSession, type Session } from "../session.ts";
import { certifyVerb } from "../verbs/certify.ts";

type CertifyOptions = Options<(typeof certifyVerb.options)[number]>;

export async function certify(path: string, raw: Readonly<Record<string, unknown>>, io: Io): Promise<number> {
  const options: CertifyOptions = readOptions(certifyVerb.options, raw);
  const { arithmetic, attack } = options;
  const named = options.method && (await chooseMethods(verifyFamily, options.method, options.norm ?? "linf"));
  const sets = setTerms(options);
  checkOutputs(options);
  await using session = await openSession(path, options, io, checkBox(sets.box));
  const { file, attacked, roundingDecides, witnesses } = await savingAlarms(() =>
    certifyStudy(session, {
      ...sets,
      provenance: { command: io.command, environment: environment() },
      verifiers: named ?? [standardVerifier],
      arithmetic,
      attack,
      witnesses: (extent, whole) => createWitnesses(options, session.inputs, extent, whole),
    }),
  );
  session.progress.end();
  for (const line of attackRemarks(attacked)) session.progress.say(line);
  if (roundingDecides > 0) {
    session.progress.say(
      `${roundingDecides} inputs bounded in real arithmetic are broken in float32: rounding decides them; they count as falsified`,
    );
  }
  const lost = witnesses.lost();
  if (lost !== undefined) session.progress.say(lost);
  await deliverTable([file], options);
  await deliver(file, options, summary(file, session, arithmetic === "real"), io);
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
    `compute            ${secondsText(seconds)}`,
  ];
}
