/** @file An audit's measurements as a report: plain data, from which the page and the terminal summary are made. */

import { type ClassNaming, namesToShow } from "../../data/classes.ts";
import type { InferredContract } from "../../data/contract.ts";
import type { Dataset } from "../../data/dataset.ts";
import type { Notice } from "../../data/notice.ts";
import type { Graph } from "../../graph/types.ts";
import { type Geometry, planar } from "../../methods/audit/picture.ts";
import type { BackdoorResult } from "../../methods/audit/tampering.ts";
import type { Found, MethodRun, PatchResult, RobustnessResult } from "../../methods/audit/types.ts";
import type { Chunk, Prediction } from "../../methods/examine.ts";
import { describeModel } from "../../methods/inspect.ts";
import { POINTS } from "../../methods/points.ts";
import type { UnknownReason } from "../../spec/verdict.ts";
import { proportion } from "../../stats/proportion.ts";
import { backdoorOutcome, type StandingOut } from "../../studies/audit/backdoor-outcome.ts";
import type { Gate, Judgement } from "../../studies/audit/codes.ts";
import { DEFAULT_GATE, judge } from "../../studies/audit/judge.ts";
import { type PatchEvidence, standingOut } from "../../studies/audit/patches.ts";
import { epsilonText } from "../format.ts";
import { examplePictures } from "../pictures.ts";
import { nameOfClass } from "../read.ts";
import type { AuditReport, ContractTerm, DataCard, Incident, Limit, ModelCard, Run } from "../schema.ts";
import type { Named } from "../sections/contract.ts";
import { findingWords } from "../sections/page.ts";
import type { AdversarialExample, BandPoint, ClassRow, Robustness } from "../sections/robustness/schema.ts";
import { backdoorRuns, backdoorScan } from "../sections/tampering/scan.ts";
import type { Suspicion } from "../sections/tampering/schema.ts";
import { type Original, suspicionOf } from "../sections/tampering/suspicion.ts";
import { decisionText } from "./decision.ts";

/** What is known of the model file. */
export interface ModelFacts {
  readonly fileName: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly opset: number;
  readonly producer: string;
  readonly graph: Graph;
}

export interface AuditFacts {
  readonly tool: { readonly name: string; readonly version: string };
  readonly created: string;
  readonly seed: number;
  readonly command: string;
  readonly seconds: number;
  readonly model: ModelFacts;
  readonly dataset: Dataset;
  /** What one unit of epsilon is. */
  readonly unit: string;
  readonly naming: ClassNaming;
  /** What the clean answers say against relying on the other numbers. */
  readonly notices: readonly Notice[];
  readonly selection: string;
  readonly contract: InferredContract;
  readonly geometry: Geometry | undefined;
  readonly classes: number;
  /** With the model's own answers for labels where the data has none. */
  readonly chunk: Chunk;
  readonly labelled: boolean;
  readonly predictions: readonly Prediction[];
  readonly predictSeconds: number;
  readonly headlineEpsilon: number;
  readonly robustness: RobustnessResult;
  readonly patches: PatchResult | undefined;
  readonly backdoor: BackdoorResult | undefined;
  /** Why patches or backdoors were not examined, or not whole. */
  readonly unexamined: { readonly patches?: string | undefined; readonly backdoor?: string | undefined };
  readonly incidents: readonly Incident[];
  readonly arithmetic: "float32" | "real";
  readonly gate: Partial<Gate>;
  readonly environment: AuditReport["environment"];
}

/** Adversarial examples that are shown. */
const EXAMPLES = 6;

export function assembleReport(facts: AuditFacts): AuditReport {
  const gate: Gate = { ...DEFAULT_GATE, ...facts.gate };
  const robustness = robustnessOf(facts);
  const headline = robustness.points.find(({ epsilon }) => epsilon === facts.headlineEpsilon)!;
  const data = dataCard(facts);
  const named: Named = (label) => nameOfClass(data.classNames, label);
  const searched = facts.backdoor && backdoorOutcome(facts.backdoor, standingOutOf(facts, gate), screenedAny(facts));
  const judgement = judge(
    {
      norm: robustness.norm,
      headline,
      arithmetic: facts.arithmetic,
      accuracy: data.cleanAccuracy,
      patches: patchEvidence(facts),
      notices: facts.notices,
      backdoor: searched ?? { unexamined: facts.unexamined.backdoor ?? "too few inputs" },
    },
    gate,
  );
  return {
    schema: 1,
    tool: facts.tool,
    created: facts.created,
    seed: `${facts.seed}`,
    command: facts.command,
    seconds: facts.seconds,
    decision: decisionText(judgement, { norm: robustness.norm, epsilon: headline.epsilon }, named),
    findings: judgement.findings.map((finding) => {
      const { id, title, sentence, figures, section } = findingWords(finding, named);
      const { evidence, severity } = finding;
      return { id, title, sentence, evidence, severity, figures, section };
    }),
    model: modelCard(facts.model),
    data,
    robustness: [robustness],
    suspicions: suspicionsOf(facts, judgement, named),
    backdoor: facts.backdoor && searched ? backdoorScan(facts.backdoor, searched, named) : null,
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

function suspicionsOf(facts: AuditFacts, { findings }: Judgement, named: Named): Suspicion[] {
  const { patches } = facts;
  if (patches === undefined) return [];
  return findings.flatMap((own) =>
    own.code === "patch" ? [suspicionOf(patches, own, named, originalsFor(facts, own.strongest.target))] : [],
  );
}

/** Inputs of other classes than the target, to show the patch on. */
function originalsFor({ chunk, predictions }: AuditFacts, target: number): Original[] {
  const seen = new Set<number>();
  return Array.from(chunk.labels).flatMap((label, i) => {
    if (label === target || seen.has(label) || predictions[i]!.predicted !== label) return [];
    seen.add(label);
    return [{ pixels: pixelsOf(chunk, i), label }];
  });
}

function pixelsOf({ images, labels }: Chunk, i: number): Float32Array {
  const size = images.length / labels.length;
  return images.slice(i * size, (i + 1) * size);
}

// ---------------------------------------------------------------- robustness

const correctOf = ({ predictions, chunk }: AuditFacts): number[] =>
  predictions.flatMap(({ predicted }, i) => (predicted === chunk.labels[i] ? [i] : []));

function robustnessOf(facts: AuditFacts): Robustness {
  const { norm, points } = facts.robustness;
  return {
    norm,
    unit: facts.unit,
    headlineEpsilon: facts.headlineEpsilon,
    points: points.map((point) => bandPoint(facts, point)),
    classes: classRows(facts),
    examples: examplesOf(facts),
  };
}

function bandPoint(
  facts: AuditFacts,
  { epsilon, falsified, certified, reasons }: RobustnessResult["points"][number],
): BandPoint {
  const inputs = facts.predictions.length;
  const correct = correctOf(facts).length;
  // what is broken and proved at once has stopped the audit before
  const proved = [...certified].filter((i) => !falsified.has(i)).length;
  return {
    epsilon,
    clean: proportion(correct, inputs),
    attackedUpper: ran(facts, "attack") ? proportion(correct - falsified.size, inputs) : null,
    certifiedLower: ran(facts, "verify") ? proportion(proved, inputs) : null,
    counts: {
      inputs,
      correct,
      certified: proved,
      falsified: falsified.size,
      unknown: correct - proved - falsified.size,
    },
    unknownBy: countBy([...reasons.values()]),
  };
}

function countBy(reasons: readonly UnknownReason[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const reason of reasons) counts[reason] = (counts[reason] ?? 0) + 1;
  return counts;
}

const ran = ({ robustness }: AuditFacts, wanted: MethodRun["purpose"]): boolean =>
  robustness.runs.some(({ purpose }) => purpose === wanted);

function classRows(facts: AuditFacts): ClassRow[] {
  const { chunk, robustness, headlineEpsilon } = facts;
  const { falsified, certified } = robustness.points.find(({ epsilon }) => epsilon === headlineEpsilon)!;
  const right = new Set(correctOf(facts));
  const labels = [...new Set(chunk.labels)].sort((a, b) => a - b);
  return labels.map((label) => {
    const members = Array.from(chunk.labels, (own, i) => (own === label ? i : -1)).filter((i) => i >= 0);
    const share = (holds: (i: number) => boolean) => proportion(members.filter(holds).length, members.length);
    return {
      label,
      clean: share((i) => right.has(i)),
      attackedUpper: ran(facts, "attack") ? share((i) => right.has(i) && !falsified.has(i)) : null,
      certifiedLower: ran(facts, "verify") ? share((i) => certified.has(i)) : null,
    };
  });
}

/** The smallest changes that overturn an answer within the headline radius, one a class first. */
function examplesOf(facts: AuditFacts): AdversarialExample[] {
  const { chunk, robustness, headlineEpsilon } = facts;
  const found = [...robustness.witnesses]
    .filter(([, { epsilon }]) => epsilon <= headlineEpsilon)
    .sort(([i, a], [j, b]) => a.record.distance - b.record.distance || i - j);
  const seen = new Set<number>();
  const first = found.filter(([i]) => {
    const label = chunk.labels[i]!;
    const fresh = !seen.has(label);
    seen.add(label);
    return fresh;
  });
  const rest = found.filter((entry) => !first.includes(entry));
  return [...first, ...rest].slice(0, EXAMPLES).map(([i, witness]) => exampleOf(facts, i, witness));
}

function exampleOf(
  { chunk, geometry, predictions, robustness }: AuditFacts,
  i: number,
  found: Found,
): AdversarialExample {
  const { record, epsilon, method } = found;
  const title =
    method === POINTS.id ? POINTS.title : (robustness.runs.find((run) => run.method === method)?.title ?? method);
  return {
    index: chunk.indices[i]!,
    label: chunk.labels[i]!,
    predicted: record.predicted,
    target: null,
    epsilon,
    distance: record.distance,
    method: title,
    marginBefore: predictions[i]!.margin,
    marginAfter: record.margin,
    confidence: record.confidence,
    picture:
      geometry === undefined
        ? null
        : examplePictures(planar(pixelsOf(chunk, i), geometry), planar(record.witness, geometry), geometry),
  };
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
  };
}

function runsOf({ seed, predictions, predictSeconds, robustness, patches, ...facts }: AuditFacts): Run[] {
  const correct = predictions.filter(({ predicted }, i) => predicted === facts.chunk.labels[i]).length;
  const clean: Run = {
    id: "clean",
    method: "forward pass of the model file",
    purpose: "accuracy",
    options: {},
    seed: `${seed}`,
    seconds: predictSeconds,
    counts: { inputs: predictions.length, correct },
    arithmetic: null,
  };
  const plain = ({ title, method, purpose, options, seconds, counts, arithmetic }: MethodRun, k: number): Run => ({
    id: `${method}-${k + 1}`,
    method: title,
    purpose,
    options,
    seed: `${seed}`,
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
  return `${unscreened === undefined ? screened : `No patches were tried (${unscreened})`}; ${backdoor ? "what the search by noise leaves open stands with it." : "too few inputs for a search by noise."}`;
};

function limitsOf({
  robustness,
  patches,
  unexamined,
  backdoor,
  dataset,
  labelled,
  arithmetic,
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
  ];
  if (!labelled) {
    const sentence =
      "Without labels nothing is known of right and wrong: all shares are about keeping the model's own answer.";
    limits.push({ title: "No labels", sentence });
  }
  if (arithmetic === "real") {
    const sentence =
      "Proofs were made in real arithmetic, as in papers: they do not cover the rounding of the network as it runs.";
    limits.push({ title: "Rounding", sentence });
  }
  for (const note of dataset.notes) limits.push({ title: "The data", sentence: note });
  return limits;
}
