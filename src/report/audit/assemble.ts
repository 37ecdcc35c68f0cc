/** @file An audit's measurements as a report: plain data, from which the page and the terminal summary are made. */

import { namesToShow } from "../../data/classes.ts";
import type { InferredContract } from "../../data/contract.ts";
import { describeModel } from "../../methods/inspect.ts";
import { proportion } from "../../stats/proportion.ts";
import { backdoorOutcome, type StandingOut } from "../../studies/audit/backdoor-outcome.ts";
import type { Gate } from "../../studies/audit/codes.ts";
import { judge } from "../../studies/audit/judge.ts";
import { type PatchScreen, standingOut } from "../../studies/audit/patches.ts";
import { nameOfClass } from "../read.ts";
import { type AuditReport, type ContractTerm, type DataCard, type ModelCard, REPORT_SCHEMA } from "../schema.ts";
import type { Named } from "../sections/contract.ts";
import { filled, findingWords, limitsOf, runsOf } from "../sections/page.ts";
import { headlinePoint } from "../sections/robustness/measured.ts";
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
      patches: patchScreen(facts),
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

function patchScreen({ geometry, patches, classes, unexamined }: AuditFacts): PatchScreen {
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
