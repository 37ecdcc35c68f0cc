import { join } from "node:path";
import { UserError } from "../../graph/fault.ts";
import { savingAlarms } from "../../local/alarm-file.ts";
import { drawerOf } from "../../local/audit-file.ts";
import { environment } from "../../local/environment.ts";
import { checkOutputFolder, writeWhole } from "../../local/output.ts";
import { loadMethods } from "../../local/plugins.ts";
import { bundledReferences, readReference } from "../../local/reference.ts";
import { attackFamily, standardAttack } from "../../methods/attack/index.ts";
import { standardDetectors } from "../../methods/backdoor/index.ts";
import { withOwn } from "../../methods/family.ts";
import type { MethodChoice } from "../../methods/method-choice.ts";
import { auditVerifiers, verifyFamily } from "../../methods/verify/index.ts";
import type { reportOf as ReportOf } from "../../report/audit/report-of.ts";
import type { AuditReport } from "../../report/schema.ts";
import type { Norm } from "../../spec/types.ts";
import { audit as auditStudy } from "../../studies/audit/audit.ts";
import { readOptions } from "../config.ts";
import { EXIT, type ExitCode } from "../errors.ts";
import { gateOf } from "../gate.ts";
import type { Io } from "../io.ts";
import { chooseMethods, isOf } from "../method-names.ts";
import type { Options } from "../options.ts";
import { writeReport } from "../report-files.ts";
import { openSession, type Session, statedInputs } from "../session.ts";
import { auditVerb } from "../verbs/audit.ts";

type AuditOptions = Options<(typeof auditVerb.options)[number]>;

/** Inputs where neither --limit nor --sample says how many. */
const DEFAULT_SAMPLE = 500;
const DEFAULT_OUT = "report";
const EXIT_OF = {
  ship: EXIT.passed,
  "do-not-ship": EXIT.failed,
  "cannot-tell": EXIT.undecided,
} as const satisfies Record<AuditReport["decision"]["kind"], ExitCode>;

export async function audit(path: string, raw: Readonly<Record<string, unknown>>, io: Io): Promise<number> {
  const options: AuditOptions = readOptions(auditVerb.options, raw);
  const norm = options.norm ?? "linf";
  const { attacks, verifiers, detectors } = await chosenFor(options, norm);
  const gate = gateOf(options);
  const out = options.out ?? DEFAULT_OUT;
  checkOutputFolder(out);
  const reference = options.reference === undefined ? undefined : readReference(options.reference);
  const began = performance.now();
  const sampled = options.limit === undefined && options.sample === undefined;
  const drawn = { ...options, ...(sampled && { sample: DEFAULT_SAMPLE }) };
  await using session = await openSession(path, drawn, io, { judgesOneClass: true });
  const terms = { ...statedInputs(options), data: options.data!, limit: options.limit, seed: session.seed };
  const draw = drawerOf(session, terms);
  const { epsilons, restarts, steps, arithmetic, budget, seed } = options;
  const audited = await savingAlarms(() =>
    auditStudy(session, {
      norm,
      epsilons,
      attacks,
      restarts,
      steps,
      verifiers,
      detectors,
      arithmetic,
      budget,
      began,
      least: gate.robust,
      search: { draw, seed, reference, bundled: bundledReferences },
      signal: io.signal,
    }),
  );
  session.progress.end();
  const report = await reportFor(audited, {
    created: new Date().toISOString(),
    command: io.command,
    selection: selectionText(options, sampled, session),
    gate,
    environment: environmentOf(session),
  });
  writeWhole(join(out, "report.json"), `${JSON.stringify(report)}\n`);
  await writeReport(report, out, options, io);
  if (io.signal.aborted) {
    throw new UserError(
      "interrupted",
      `interrupted; ${join(out, "index.html")} says what was examined until then, and what is finished is kept in .assay: run the same command with --resume to go on`,
    );
  }
  return EXIT_OF[report.decision.kind];
}

/** The attacks and the verifiers that are named; of what is not, the audit's own. @throws UserError (usage) */
async function chosenFor({ method: choices = [], plugin = [] }: AuditOptions, norm: Norm) {
  const { attacks, verifiers, detectors } = await loadMethods(plugin);
  const isAttack = (choice: MethodChoice) => isOf(withOwn(attackFamily, attacks), choice);
  const isProof = (choice: MethodChoice) => !isAttack(choice);
  return {
    attacks: await chooseMethods(attackFamily, choices.filter(isAttack), norm, {
      own: attacks,
      standard: [standardAttack],
    }),
    verifiers: await chooseMethods(verifyFamily, choices.filter(isProof), norm, {
      own: verifiers,
      standard: auditVerifiers,
    }),
    detectors: [...standardDetectors(), ...detectors],
  };
}

/** Apart, because the compiler does not rewrite an import beside an `await using`. */
async function reportFor(...given: Parameters<typeof ReportOf>): Promise<AuditReport> {
  const { reportOf } = await import("../../report/audit/report-of.ts");
  return reportOf(...given);
}

function selectionText({ limit, sample }: AuditOptions, sampled: boolean, { chunk, seed }: Session): string {
  const count = chunk.labels.length;
  if (sampled || sample !== undefined) return `${count} drawn at random, each class in its share, with seed ${seed}`;
  return limit === undefined ? `all ${count}` : `the first ${count}`;
}

/** As results have it, and how many threads computed. */
const environmentOf = ({ place }: Session): AuditReport["environment"] =>
  Object.entries({ ...environment(), workers: `${Math.max(1, place.workers)}` }).map(([name, value]) => ({
    name,
    value,
  }));
