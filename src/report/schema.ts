/**
 * @file The audit report as plain data, in the one form that is both checked and typed. The JSON file beside the HTML page
 * is exactly this, and the page shows nothing that is not in it. Keys are never left out: what was not measured is `null` or
 * an empty list, and `limits` says why. What older versions left out has a default.
 */

import { z } from "zod";
import { count, evidence, figure, list, nonNegative, rate, record, severity, share, text } from "./fields.ts";
import * as mistakes from "./sections/mistakes/schema.ts";
import * as robustness from "./sections/robustness/schema.ts";
import * as tampering from "./sections/tampering/schema.ts";

/** Raised when a reader of the previous version would misread the file. */
export const REPORT_SCHEMA = 2;

/** What families of methods add: keys of the report, sections of the page that findings point to, classes that they name. */
const FAMILIES = [mistakes, robustness, tampering] as const;

type Shape = (typeof FAMILIES)[number]["SHAPE"];
type All<U> = (U extends unknown ? (one: U) => void : never) extends (all: infer I) => void ? I : never;
const FAMILY_SHAPES = Object.assign({}, ...FAMILIES.map(({ SHAPE }) => SHAPE)) as All<Shape>;

const sectionId = z.enum(["model", "data", ...FAMILIES.flatMap(({ SECTION_IDS }) => SECTION_IDS), "runs", "limits"]);

const finding = record({
  id: text,
  title: text,
  sentence: text,
  evidence,
  severity,
  figures: list(figure),
  section: sectionId,
});
export type Finding = z.infer<typeof finding>;

/** `measured`: the numbers that gave the outcome. */
const outcome = z.enum(["met", "failed", "undecided"]);
const condition = record({
  sentence: text,
  outcome,
  measured: text,
  /** Whether the decision rests on it. In older reports it does on all. */
  decides: z.boolean().default(true),
});
export type GateCondition = z.infer<typeof condition>;

const decision = record({
  kind: z.enum(["ship", "do-not-ship", "cannot-tell"]),
  /** The reason in a few words; the page writes the decision itself above it. */
  headline: text,
  reason: text,
  /** Was it tampered with, is it reliable, is it robust? `measured`: what the answer rests on. Left out by older versions. */
  answers: list(record({ question: text, answer: text, outcome, decides: z.boolean(), measured: list(text) })).default(
    [],
  ),
  gate: record({ name: text, conditions: list(condition) }),
  /** What to do next, most useful first. */
  nextSteps: list(text),
});
export type Decision = z.infer<typeof decision>;
export type DecisionKind = Decision["kind"];

/** The batch axis is its symbol, for example "N". */
const shape = list(z.union([count, text]));
const tensorCard = record({ name: text, shape, type: text });
export type TensorCard = z.infer<typeof tensorCard>;

const modelCard = record({
  fileName: text,
  sha256: z.string().regex(/^[0-9a-f]{64}$/, "expected 64 hexadecimal digits."),
  bytes: count,
  format: text,
  opset: count.nullable(),
  producer: text.nullable(),
  parameters: count,
  inputs: list(tensorCard),
  outputs: list(tensorCard),
  ops: list(record({ op: text, count })),
  layers: list(record({ name: text, op: text, outputShape: shape, parameters: count })),
});
export type ModelCard = z.infer<typeof modelCard>;

/** One line of the agreement about how the model's inputs and outputs are to be read. */
const contractTerm = record({
  term: z.enum(["layout", "range", "normalisation", "classes", "labels"]),
  value: text,
  basis: z.enum(["stated", "inferred", "assumed"]),
  reason: text,
});
export type ContractTerm = z.infer<typeof contractTerm>;

/** A usual way to prepare the inputs, and how many answers are right with it. */
const way = record({ name: text, option: text, right: count });

/** What was tried before anything else was measured, all on the same inputs; `right`: as the audit fed them. */
const waysTried = record({ inputs: count, right: count, ways: list(way) });
export type WaysTried = z.infer<typeof waysTried>;

const dataCard = record({
  source: text,
  /** Inputs drawn from the source for this audit. */
  count,
  selection: text,
  terms: list(contractTerm),
  /** In the order of the model's outputs; empty when the classes have no names. */
  classNames: list(text),
  /** `null` without labels. */
  cleanAccuracy: rate.nullable(),
  /** Accuracy of guessing the most frequent class; `null` without labels. */
  chance: share.nullable(),
  /** `null` where nothing was tried, as without labels; left out by older versions. */
  preprocessing: waysTried.nullable().default(null),
});
export type DataCard = z.infer<typeof dataCard>;

const optionValue = z.union([text, z.number(), z.boolean(), z.null()]);
export type OptionValue = z.infer<typeof optionValue>;

/** One thing that was run, with all that is needed to run it again. */
const run = record({
  id: text,
  method: text,
  purpose: z.enum(["attack", "verify", "tampering", "accuracy"]),
  options: z.record(text, optionValue).readonly(),
  seed: count,
  seconds: nonNegative,
  counts: z.record(text, count).readonly(),
  /** For verifiers: whether a proof covers float32 rounding ("float32-safe") or real arithmetic only. */
  arithmetic: z.enum(["float32-safe", "real"]).nullable(),
});
export type Run = z.infer<typeof run>;

/** Something that a reader must know before anything else: what went wrong, and what the audit did not get to. */
const incident = record({ kind: z.enum(["bug", "memory", "unfinished"]), title: text, sentence: text });
export type Incident = z.infer<typeof incident>;

/** Something a reader might think was checked and was not. */
const limit = record({ title: text, sentence: text });
export type Limit = z.infer<typeof limit>;

export const reportSchema = record({
  schema: z.literal(REPORT_SCHEMA),
  tool: record({ name: text, version: text }),
  /** ISO 8601, UTC. */
  created: z.iso.datetime(),
  seed: count,
  command: text,
  seconds: nonNegative,
  decision,
  /** The first three carry the decision. */
  findings: list(finding),
  model: modelCard,
  data: dataCard,
  ...FAMILY_SHAPES,
  runs: list(run),
  /** Left out by older versions. */
  incidents: list(incident).default([]),
  environment: list(record({ name: text, value: text })),
  limits: list(limit),
});
export type AuditReport = z.infer<typeof reportSchema>;

/** Every class that the report names, with the place. */
export const labelsOf = (report: AuditReport): [place: string, label: number | null][] =>
  FAMILIES.flatMap((family) => family.labelsOf(report));
