import { existsSync } from "node:fs";
import { join } from "node:path";
import { usage } from "../../graph/fault.ts";
import { savingAlarms } from "../../local/alarm-file.ts";
import { checkOutputFile } from "../../local/output.ts";
import { readJson } from "../../local/read-json.ts";
import type { Verifier } from "../../methods/verify/types.ts";
import {
  type Answers,
  answersOf,
  answersOfResults,
  compareAnswers,
  compareEach,
} from "../../studies/compare/compare.ts";
import type { ChangeOutcome, Comparison } from "../../studies/compare/types.ts";
import { readOptions } from "../config.ts";
import { deliver } from "../deliver.ts";
import { setTerms } from "../epsilon.ts";
import { EXIT, type ExitCode } from "../errors.ts";
import type { Io } from "../io.ts";
import { chooseMethods } from "../method-names.ts";
import type { Options } from "../options.ts";
import { openSession } from "../session.ts";
import { compareVerb } from "../verbs/compare.ts";

type CompareOptions = Options<(typeof compareVerb.options)[number]>;

const EXIT_OF = {
  none: EXIT.passed,
  regression: EXIT.failed,
  undecided: EXIT.undecided,
} as const satisfies Record<ChangeOutcome, ExitCode>;

export async function compare(before: string, raw: Readonly<Record<string, unknown>>, io: Io): Promise<number> {
  const options: CompareOptions = readOptions(compareVerb.options, raw);
  const after = io.second;
  if (after === undefined) throw usage("name two models, or two results: assay compare BEFORE AFTER");
  if (options.out !== undefined) checkOutputFile(options.out);
  const stored = [before, after].map(resultsOf);
  if (stored.filter((file) => file !== undefined).length === 1) {
    throw usage(`${before} and ${after} are a model and a result; name two of one kind`);
  }
  const [a, b] = stored;
  const comparison =
    a !== undefined && b !== undefined
      ? await compareFiles(a, b, options)
      : await compareModels(before, after, options, io);
  const { comparisonText } = await import("../../report/compare.ts");
  await deliver(comparison, options, [comparisonText(comparison).trimEnd()], io);
  return EXIT_OF[comparison.outcome];
}

/** The JSON file that the path names, as it is or as an audit's folder. */
function resultsOf(path: string): string | undefined {
  const inside = join(path, "report.json");
  if (existsSync(inside)) return inside;
  return path.endsWith(".json") ? path : undefined;
}

async function compareFiles(before: string, after: string, { maxDrop }: CompareOptions): Promise<Comparison> {
  const { isResults, readAnswers } = await import("../../studies/compare/read.ts");
  const [a, b] = [before, after].map((path) => readJson(path, "the results"));
  if (isResults(a) !== isResults(b)) {
    throw usage(`${before} and ${after} are an audit and no audit; name two results of one kind`);
  }
  if (isResults(a)) return compareEach(readAnswers(a, before), readAnswers(b, after), maxDrop);
  const { parseReport } = await import("../../report/parse.ts");
  const { compareReports } = await import("../../report/compare.ts");
  return compareReports(parseReport(a), parseReport(b), maxDrop);
}

const asksSets = ({ epsilon, featureEpsilon }: CompareOptions): boolean =>
  epsilon !== undefined || featureEpsilon !== undefined;

/** One after the other, so that only one model is held at a time. */
async function compareModels(before: string, after: string, options: CompareOptions, io: Io): Promise<Comparison> {
  if (options.method !== undefined && !asksSets(options)) {
    throw usage("--method says how to prove; say with --epsilon within which radius");
  }
  const { standardVerifier, verifyFamily } = await import("../../methods/verify/index.ts");
  const named = options.method && (await chooseMethods(verifyFamily, options.method, options.norm ?? "linf"));
  const verifiers = named ?? [standardVerifier];
  const a = await examined(before, options, verifiers, io);
  const b = await examined(after, options, verifiers, io);
  return compareAnswers(a, b, options.maxDrop);
}

async function examined(
  path: string,
  options: CompareOptions,
  verifiers: readonly Verifier[],
  io: Io,
): Promise<Answers> {
  await using session = await openSession(path, options, io, { judgesOneClass: true });
  if (!asksSets(options)) return answersOf(session);
  const { file } = await savingAlarms(() => proved(session, { ...setTerms(options), verifiers }));
  session.progress.end();
  return answersOfResults(file, session.labelled);
}

/** Apart, because the compiler does not rewrite an import beside an `await using`. */
async function proved(...[opened, request]: Parameters<typeof import("../../studies/certify.ts").certify>) {
  const { certify } = await import("../../studies/certify.ts");
  return certify(opened, request);
}
