/** @file An audit's measurements as a report: plain data, from which the page and the terminal summary are made. */

import { namesToShow } from "../../data/classes.ts";
import type { InferredContract } from "../../data/contract.ts";
import type { MethodRun } from "../../methods/audit/types.ts";
import { describeModel } from "../../methods/inspect.ts";
import { bytesOf, sha256 } from "../../runtime/hash.ts";
import { epsilonText } from "../../stats/epsilon-text.ts";
import { proportion } from "../../stats/proportion.ts";
import { backdoorOutcome, type StandingOut } from "../../studies/audit/backdoor-outcome.ts";
import type { Gate } from "../../studies/audit/codes.ts";
import { judge } from "../../studies/audit/judge.ts";
import { type PatchEvidence, standingOut } from "../../studies/audit/patches.ts";
import { nameOfClass } from "../read.ts";
import {
  type AuditReport,
  type ContractTerm,
  type DataCard,
  type Limit,
  type ModelCard,
  REPORT_SCHEMA,
  type Run,
} from "../schema.ts";
import type { Named } from "../sections/contract.ts";
import { filled, findingWords } from "../sections/page.ts";
import { headlinePoint } from "../sections/robustness/measured.ts";
import { backdoorRuns } from "../sections/tampering/scan.ts";
import { decisionText } from "./decision.ts";
import { type AuditFacts, correctOf, type ModelFacts } from "./facts.ts";

export function assembleReport(facts: AuditFacts): AuditReport {
  const { gate } = facts;
  const data = dataCard(facts);
  const named: Named = (label) => nameOfClass(data.classNames, label);
  const searched = facts.backdoor && backdoorOutcome(facts.backdoor, standingOutOf(facts, gate), screenedAny(facts));
  const judgement = judge(
    {
      norm: facts.robustness.norm,
      headline: headlinePoint(facts),
      arithmetic: facts.arithmetic,
      accuracy: data.cleanAccuracy,
      patches: patchEvidence(facts),
      notices: facts.notices,
      backdoor: searched ?? { unexamined: facts.unexamined.backdoor ?? "too few inputs" },
    },
    gate,
  );
  const parts = filled(facts, { judgement, searched, named });
  return {
    schema: REPORT_SCHEMA,
    tool: facts.tool,
    created: facts.created,
    seed: facts.seed,
    command: facts.command,
    seconds: facts.seconds,
    decision: decisionText(judgement, gate, named, parts.backdoor?.nextSteps),
    findings: judgement.findings.map((finding) => {
      const { id, title, sentence, figures, section } = findingWords(finding, named);
      const { evidence, severity } = finding;
      return { id, title, sentence, evidence, severity, figures, section };
    }),
    model: modelCard(facts.model),
    data,
    ...parts,
    runs: runsOf(facts),
    environment: facts.environment,
    incidents: facts.incidents,
    limits: limitsOf(facts),
  };
}

function patchEvidence({ geometry, patches, classes, unexamined }: AuditFacts): PatchEvidence {
  if (geometry === undefined) return { kind: "no-pictures" };
  const reason = unexamined.patches ?? "too few inputs of other classes";
  if (patches === undefined) return { kind: "not-examined", reason };
  return { kind: "screened", targets: patches.targets, classes, reason, whole: patches.unexamined.length === 0 };
}

const screenedAny = ({ patches }: AuditFacts): boolean => (patches?.targets.length ?? 0) > 0;

function standingOutOf({ patches }: AuditFacts, gate: Gate): StandingOut | undefined {
  const record = patches && standingOut(patches.targets, gate.patch);
  return record && { label: record.target, side: record.size, success: record.hits / record.trials };
}

// ---------------------------------------------------------------- cards

function modelCard({ fileName, sha256, bytes, opset, producer, graph }: ModelFacts): ModelCard {
  const nodes = describeModel(graph);
  const counts = new Map<string, number>();
  for (const { op } of nodes) counts.set(op, (counts.get(op) ?? 0) + 1);
  return {
    fileName,
    sha256,
    bytes,
    format: "ONNX",
    opset,
    producer: producer === "" ? null : producer,
    parameters: nodes.reduce((sum, { parameters }) => sum + parameters, 0),
    inputs: graph.inputs.map(({ name, shape, dtype }) => ({ name, shape, type: dtype })),
    outputs: graph.outputs.map(({ name, value }) => ({ name, shape: value.shape, type: value.dtype })),
    ops: [...counts].map(([op, count]) => ({ op, count })),
    layers: nodes.map(({ name, op, shape, parameters }) => ({ name, op, outputShape: shape, parameters })),
  };
}

const TERMS = {
  layout: "layout",
  range: "range",
  normalisation: "normalisation",
  "class order": "classes",
} as const satisfies Record<InferredContract["items"][number]["item"], ContractTerm["term"]>;

function dataCard(facts: AuditFacts): DataCard {
  const { dataset, contract, labelled, chunk, selection } = facts;
  const terms: ContractTerm[] = contract.items.map(({ item, value, basis, reason }) => ({
    term: TERMS[item],
    value,
    basis,
    reason,
  }));
  terms.push(
    labelled
      ? { term: "labels", value: "from the data", basis: "inferred", reason: "they stand beside the inputs" }
      : { term: "labels", value: "the model's own answers", basis: "assumed", reason: "the data has no labels" },
  );
  const { length } = chunk.labels;
  const counts = new Map<number, number>();
  for (const label of chunk.labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  return {
    source: `${dataset.name}: ${dataset.source}`,
    count: length,
    selection,
    terms,
    classNames: [...namesToShow(facts.naming)],
    cleanAccuracy: labelled ? proportion(correctOf(facts).length, length) : null,
    chance: labelled ? Math.max(...counts.values()) / length : null,
    preprocessing: facts.ways ?? null,
  };
}

/** Which inputs, and how they were made the model's. */
function inputSettings({
  dataset,
  contract,
  chunk,
  selection,
}: Pick<AuditFacts, "dataset" | "contract" | "chunk" | "selection">): Run["options"] {
  const termOf = (wanted: InferredContract["items"][number]["item"]) =>
    contract.items.find(({ item }) => item === wanted)?.value ?? null;
  const hash = dataset.sha256
    ? { dataSha256: dataset.sha256 }
    : { inputsSha256: sha256(bytesOf(chunk.images)), labelsSha256: sha256(bytesOf(chunk.labels)) };
  return { data: dataset.name, ...hash, selection, range: termOf("range"), normalisation: termOf("normalisation") };
}

function runsOf({ seed, predictions, predictSeconds, robustness, patches, ...facts }: AuditFacts): Run[] {
  const correct = predictions.filter(({ predicted }, i) => predicted === facts.chunk.labels[i]).length;
  const clean: Run = {
    id: "clean",
    method: "forward pass of the model file",
    purpose: "accuracy",
    options: inputSettings(facts),
    seed,
    seconds: predictSeconds,
    counts: { inputs: predictions.length, correct },
    arithmetic: null,
  };
  const plain = ({ title, method, purpose, options, seconds, counts, arithmetic }: MethodRun, k: number): Run => ({
    id: `${method}-${k + 1}`,
    method: title,
    purpose,
    options,
    seed,
    seconds,
    counts,
    arithmetic,
  });
  return [
    clean,
    ...[...robustness.runs, ...(patches ? [patches.run] : [])].map(plain),
    ...(facts.backdoor ? backdoorRuns(facts.backdoor) : []),
  ];
}

const triggersLimit = (unscreened: string | undefined, backdoor: boolean): string => {
  const screened =
    "Triggers that are larger than the patches of the screen, faint, moving, or of another form would not be found by it";
  return `${unscreened === undefined ? screened : `No patches were tried (${unscreened})`}; ${backdoor ? "the same holds of what the search by noise does not say." : "too few inputs for a search by noise."}`;
};

function limitsOf({
  robustness,
  patches,
  unexamined,
  backdoor,
  dataset,
  labelled,
  arithmetic,
  own,
  headlineEpsilon,
}: AuditFacts): Limit[] {
  const limits: Limit[] = [
    {
      title: "Changes of other kinds",
      sentence: `Rotations, blur, weather and new kinds of input were not tried: the numbers speak of changes in ${robustness.norm} alone, the gate of ${epsilonText(headlineEpsilon)}.`,
    },
    {
      title: "Other triggers",
      sentence: triggersLimit(
        patches ? undefined : (unexamined.patches ?? "too few inputs of other classes"),
        backdoor !== undefined,
      ),
    },
    ...robustness.refused.map(({ title, reason }) => ({ title: `${title} did not apply`, sentence: `${reason}.` })),
    ...robustness.needless.map(({ title, from }) => ({
      title: `${title} at large radii`,
      sentence: `It was not tried from ${epsilonText(from)} on: attacks had falsified more inputs there than the gate allows, and no proof changes that.`,
    })),
  ];
  if (own.length > 0) {
    const sentence = `Defined by the program that made this report, and not covered by Assay's tests: ${own.join(", ")}. What they prove is as right as they are.`;
    limits.push({ title: "Methods of its own", sentence });
  }
  if (!labelled) {
    const sentence =
      "Without labels nothing is known of right and wrong: all shares are about keeping the model's own answer.";
    limits.push({ title: "No labels", sentence });
  }
  if (arithmetic === "real") {
    const sentence =
      "Bounds were made in real arithmetic, as in papers: they leave out the rounding of the network as it runs, so nothing is proved.";
    limits.push({ title: "Rounding", sentence });
  }
  for (const note of dataset.notes) limits.push({ title: "The data", sentence: note });
  return limits;
}
