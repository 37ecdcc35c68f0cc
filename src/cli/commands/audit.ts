import { availableParallelism } from "node:os";
import { basename, join } from "node:path";
import { isBlueFirst } from "../../data/pictures.ts";
import { UserError, usage } from "../../graph/fault.ts";
import { savingAlarms } from "../../local/alarm-file.ts";
import { loadInputs } from "../../local/inputs.ts";
import { checkOutputFolder, writeWhole } from "../../local/output.ts";
import { bundledReferences, readReference } from "../../local/reference.ts";
import { TOOL, VERSION } from "../../local/version.ts";
import { geometryOf } from "../../methods/audit/picture.ts";
import { attackOf } from "../../methods/index.ts";
import { assembleReport } from "../../report/audit/assemble.ts";
import { incidentsOf } from "../../report/audit/incidents.ts";
import type { AuditReport } from "../../report/schema.ts";
import type { Norm } from "../../spec/types.ts";
import { budgetOf } from "../../studies/audit/budget.ts";
import { measureAudit } from "../../studies/audit/steps.ts";
import { type Inputs, threatOf } from "../../studies/inputs.ts";
import { readOptions } from "../config.ts";
import { EXIT, type ExitCode } from "../errors.ts";
import { chooseMethods } from "../method-names.ts";
import type { Options } from "../options.ts";
import { openSession, type Session, statedInputs } from "../session.ts";
import { AUDIT_OPTIONS, type Io } from "../verbs.ts";

type AuditOptions = Options<(typeof AUDIT_OPTIONS)[number]>;

/** Inputs where neither --limit nor --sample says how many. */
const DEFAULT_SAMPLE = 500;
const DEFAULT_OUT = "report";
const DEFAULT_RESTARTS = 2;
/** Proofs by the fast method, then the tight ones on what is left. */
const DEFAULT_VERIFIERS = ["ibp", "crown-ibp", "crown"];
/** Seconds. */
const DEFAULT_BUDGET = 180;

/**
 * The first is the one the gate is about. Grey pictures are taken to be as simple as digits; features of tables move by a
 * part of their spread.
 */
const DEFAULT_EPSILONS: Readonly<
  Record<"grey" | "other" | "spread" | "feature", Readonly<Record<Norm, readonly number[]>>>
> = {
  grey: { linf: [0.1, 0.02, 0.05, 0.2], l2: [1, 0.25, 0.5, 2], l1: [5, 1, 2, 10] },
  other: { linf: [8 / 255, 1 / 255, 2 / 255, 4 / 255], l2: [0.5, 0.1, 0.25, 1], l1: [5, 1, 2, 10] },
  spread: { linf: [0.1, 0.02, 0.05, 0.2], l2: [0.2, 0.05, 0.1, 0.5], l1: [0.2, 0.05, 0.1, 0.5] },
  feature: { linf: [1, 0.25, 0.5, 2], l2: [1, 0.25, 0.5, 2], l1: [1, 0.25, 0.5, 2] },
};

/** @throws UserError (usage) for values in units that nothing is known of */
function defaultEpsilons({ unit: { kind }, dataset }: Inputs, norm: Norm): readonly number[] {
  if (kind === "pixels") return DEFAULT_EPSILONS[dataset.shape[0] === 1 ? "grey" : "other"][norm];
  if (kind === "raw") throw usage("say with --epsilon how large a change may be, in the data's own units");
  return DEFAULT_EPSILONS[kind === "feature" ? "feature" : "spread"][norm];
}

const EXIT_OF = {
  ship: EXIT.passed,
  "do-not-ship": EXIT.failed,
  "cannot-tell": EXIT.undecided,
} as const satisfies Record<AuditReport["decision"]["kind"], ExitCode>;

export async function audit(path: string, raw: Readonly<Record<string, unknown>>, io: Io): Promise<number> {
  const options: AuditOptions = readOptions(AUDIT_OPTIONS, raw);
  const norm = options.norm ?? "linf";
  const verifiers = chooseMethods("verify", options.method ?? DEFAULT_VERIFIERS, norm);
  const out = options.out ?? DEFAULT_OUT;
  checkOutputFolder(out);
  const reference = options.reference === undefined ? undefined : readReference(options.reference);
  const began = performance.now();
  const seconds = options.budget ?? DEFAULT_BUDGET;
  const sampled = options.limit === undefined && options.sample === undefined;
  const drawn = { ...options, ...(sampled && { sample: DEFAULT_SAMPLE }) };
  await using session = await openSession(path, drawn, io, { judgesOneClass: true });
  const { inputs, network, chunk, correct } = session;
  if (correct.length === 0) throw usage("the model gets no input right: there is nothing to attack or to prove");
  const { dataset, contract } = inputs;
  const geometry = inputs.domain && geometryOf(dataset.shape, contract.contract.layout, isBlueFirst(dataset));
  const epsilons = options.epsilons ?? defaultEpsilons(inputs, norm);
  const arithmetic = options.arithmetic ?? "float32";
  const measured = await savingAlarms(() =>
    measureAudit(
      session,
      {
        robustness: {
          epsilons: [...new Set(epsilons)],
          ...threatOf(inputs, norm, epsilons[0]!),
          attack: attackOf("pgd"),
          budget: { restarts: options.restarts ?? DEFAULT_RESTARTS, ...(options.steps && { steps: options.steps }) },
          verifiers,
          arithmetic,
        },
        geometry,
        budget: budgetOf(seconds, began / 1000, () => performance.now() / 1000),
        search: {
          draw: ({ images, seed }) =>
            loadInputs(session.model, {
              ...statedInputs(options),
              data: options.data!,
              limit: options.limit,
              sample: images,
              seed,
              like: inputs,
            }),
          seed: options.seed,
          reference,
          bundled: bundledReferences,
        },
      },
      io.signal,
    ),
  );
  session.progress.end();
  const report = assembleReport({
    tool: { name: TOOL, version: VERSION },
    created: new Date().toISOString(),
    seed: session.seed,
    command: io.command,
    seconds: (performance.now() - began) / 1000,
    model: {
      fileName: basename(path),
      sha256: session.model.sha256,
      bytes: session.model.bytes.length,
      opset: session.model.opset,
      producer: session.model.producer,
      graph: session.model.graph,
    },
    dataset,
    unit: inputs.unit.text,
    naming: inputs.naming,
    notices: session.notices,
    selection: selectionText(options, sampled, session),
    contract,
    geometry,
    classes: network.classes,
    chunk,
    labelled: session.labelled,
    predictions: session.predictions,
    predictSeconds: session.predictSeconds,
    headlineEpsilon: epsilons[0]!,
    robustness: measured.robustness,
    patches: measured.patches,
    backdoor: measured.backdoor,
    unexamined: measured.unexamined,
    incidents: incidentsOf(measured.left, measured.failures, seconds),
    arithmetic,
    gate: options.gate === undefined ? {} : { robust: options.gate },
    environment: environmentOf(session),
  });
  await write(report, out, options, io);
  if (io.signal.aborted) {
    throw new UserError(
      "interrupted",
      `interrupted; ${join(out, "index.html")} says what was examined until then, and what is finished is kept in .assay: run the same command with --resume to go on`,
    );
  }
  return EXIT_OF[report.decision.kind];
}

async function write(report: AuditReport, out: string, { json }: AuditOptions, io: Io): Promise<void> {
  const { renderHtml } = await import("../../report/html.ts");
  const { renderText } = await import("../../report/text.ts");
  const page = join(out, "index.html");
  writeWhole(join(out, "report.json"), `${JSON.stringify(report)}\n`);
  writeWhole(page, await renderHtml(report));
  await io.print(json ? `${JSON.stringify(report)}\n` : `${renderText(report)}\nPage: ${page}\n`);
}

function selectionText({ limit, sample }: AuditOptions, sampled: boolean, { chunk, seed }: Session): string {
  const count = chunk.labels.length;
  if (sampled || sample !== undefined) return `${count} drawn at random, each class in its share, with seed ${seed}`;
  return limit === undefined ? `all ${count}` : `the first ${count}`;
}

const environmentOf = ({ place }: Session): AuditReport["environment"] => [
  { name: TOOL, value: VERSION },
  { name: "Node.js", value: `${process.version}, ${process.platform} ${process.arch}` },
  { name: "Processor", value: `${availableParallelism()} cores, ${Math.max(1, place.workers)} workers` },
];
