import { z } from "zod";
import { base64ByteLength } from "./base64.ts";
import { type AuditReport, type BackdoorScan, REPORT_SCHEMA } from "./model.ts";

/** The file is not an audit report of this schema. One line: the place, the fact, the way out. */
export class ReportError extends Error {
  override readonly name = "ReportError";
  readonly fault = "unsupported";
  readonly place: string;
  constructor(place: string, fact: string) {
    super(`Report: ${place}: ${fact} Write the report again with "assay audit".`);
    this.place = place;
  }
}

/** Pictures are thumbnails; a larger side is a damaged or hostile file, not an example. */
const LARGEST_SIDE = 4096;

/** Another program may have rounded the quotient when it wrote the file. */
const DIVISION_TOLERANCE = 1e-9;

const count = z.int().min(0);
const share = z.number().min(0).max(1);
const text = z.string();

const rate = z
  .strictObject({
    estimate: share,
    lower: share,
    upper: share,
    successes: count,
    trials: count.min(1),
    confidence: z.number().gt(0).lt(1),
  })
  .readonly()
  .refine((r) => r.successes <= r.trials, "more successes than trials.")
  .refine(
    (r) => Math.abs(r.estimate - r.successes / r.trials) < DIVISION_TOLERANCE,
    "the estimate is not successes / trials.",
  )
  .refine((r) => r.lower <= r.estimate && r.estimate <= r.upper, "the estimate lies outside its interval.");

const quantity = z
  .strictObject({
    value: z.number(),
    unit: text,
    interval: z.tuple([z.number(), z.number()]).readonly().nullable(),
    samples: count,
  })
  .readonly();

const figure = z.union(
  [z.strictObject({ label: text, rate }).readonly(), z.strictObject({ label: text, quantity }).readonly()],
  { error: 'expected a label with a valid "rate" or "quantity".' },
);

const evidence = z.enum(["proved", "bounded", "attacked", "statistical", "heuristic"]);
const severity = z.enum(["critical", "warning", "note", "good"]);
const section = z.enum(["model", "data", "robustness", "classes", "examples", "tampering", "runs", "limits"]);

const finding = z
  .strictObject({
    id: text,
    title: text,
    sentence: text,
    evidence,
    severity,
    figures: z.array(figure).readonly(),
    section,
  })
  .readonly();

const condition = z
  .strictObject({ sentence: text, outcome: z.enum(["met", "failed", "undecided"]), measured: text })
  .readonly();

const decision = z
  .strictObject({
    kind: z.enum(["ship", "do-not-ship", "cannot-tell"]),
    headline: text,
    reason: text,
    gate: z.strictObject({ name: text, conditions: z.array(condition).readonly() }).readonly(),
    nextSteps: z.array(text).readonly(),
  })
  .readonly();

const shape = z.array(z.union([count, text])).readonly();
const tensor = z.strictObject({ name: text, shape, type: text }).readonly();

const model = z
  .strictObject({
    fileName: text,
    sha256: z.string().regex(/^[0-9a-f]{64}$/, "expected 64 hexadecimal digits."),
    bytes: count,
    format: text,
    opset: count.nullable(),
    producer: text.nullable(),
    parameters: count,
    inputs: z.array(tensor).readonly(),
    outputs: z.array(tensor).readonly(),
    ops: z.array(z.strictObject({ op: text, count }).readonly()).readonly(),
    layers: z
      .array(z.strictObject({ name: text, op: text, outputShape: shape, parameters: count }).readonly())
      .readonly(),
  })
  .readonly();

const term = z
  .strictObject({
    term: z.enum(["layout", "range", "normalisation", "classes", "labels"]),
    value: text,
    basis: z.enum(["stated", "inferred", "assumed"]),
    reason: text,
  })
  .readonly();

const dataCard = z
  .strictObject({
    source: text,
    count,
    selection: text,
    terms: z.array(term).readonly(),
    classNames: z.array(text).readonly(),
    cleanAccuracy: rate.nullable(),
    chance: share.nullable(),
  })
  .readonly();

const verdictCounts = z
  .strictObject({ inputs: count, correct: count, certified: count, falsified: count, unknown: count })
  .readonly()
  .refine((c) => c.correct <= c.inputs, "more correct inputs than inputs.")
  .refine((c) => c.certified + c.falsified + c.unknown === c.correct, "the verdicts do not add up to correct.");

const band = { clean: rate.nullable(), attackedUpper: rate.nullable(), certifiedLower: rate.nullable() };
const point = z
  .strictObject({
    epsilon: z.number().min(0),
    ...band,
    counts: verdictCounts,
    unknownBy: z.record(text, count).readonly().default({}),
  })
  .readonly();
const classRow = z.strictObject({ label: count, ...band }).readonly();

const side = z.int().min(1).max(LARGEST_SIDE);
const picture = z
  .strictObject({ width: side, height: side, channels: z.union([z.literal(1), z.literal(3)]), pixels: text })
  .readonly()
  .refine((p) => base64ByteLength(p.pixels) === p.width * p.height * p.channels, "pixels do not fill the picture.");
const change = z.strictObject({ scale: z.number().min(0), values: text }).readonly();

const pictures = z
  .strictObject({ original: picture, adversarial: picture, change })
  .readonly()
  .refine(
    ({ original, adversarial, change: { values } }) =>
      original.width === adversarial.width &&
      original.height === adversarial.height &&
      original.channels === adversarial.channels &&
      base64ByteLength(values) === base64ByteLength(original.pixels),
    "the original, the change and the adversarial picture differ in size.",
  );

const example = z
  .strictObject({
    index: count,
    label: count,
    predicted: count,
    target: count.nullable(),
    epsilon: z.number().min(0),
    distance: z.number().min(0),
    method: text,
    marginBefore: z.number(),
    marginAfter: z.number(),
    confidence: share,
    picture: pictures.nullable(),
  })
  .readonly();

const robustness = z
  .strictObject({
    norm: z.enum(["linf", "l2", "l1"]),
    unit: text,
    headlineEpsilon: z.number().min(0),
    points: z.array(point).min(1, "needs at least one epsilon.").readonly(),
    classes: z.array(classRow).readonly(),
    examples: z.array(example).readonly(),
  })
  .readonly()
  .refine((r) => r.points.some((p) => p.epsilon === r.headlineEpsilon), "no point at the headline epsilon.")
  .refine((r) => r.points.every((p, i) => i === 0 || r.points[i - 1]!.epsilon < p.epsilon), "epsilons must rise.");

const suspicion = z
  .strictObject({
    id: text,
    title: text,
    sentence: text,
    method: text,
    evidence,
    severity,
    targetClass: count.nullable(),
    success: rate.nullable(),
    perTarget: z.array(z.strictObject({ label: count, success: rate }).readonly()).readonly(),
    pictures: z.array(z.strictObject({ caption: text, picture }).readonly()).readonly(),
  })
  .readonly();

const curve = z
  .strictObject({
    mode: text,
    title: text,
    intensities: z.array(z.number().min(0)).min(1).readonly(),
    shares: z.array(share).readonly(),
    band: z
      .strictObject({
        lower: z.array(share).readonly(),
        median: z.array(share).readonly(),
        upper: z.array(share).readonly(),
      })
      .readonly()
      .nullable(),
  })
  .readonly()
  .refine(
    ({ intensities }) => intensities.every((x, i) => i === 0 || intensities[i - 1]! < x),
    "intensities must rise.",
  )
  .refine(
    ({ intensities, shares, band }) =>
      [shares, ...(band ? [band.lower, band.median, band.upper] : [])].every(
        ({ length }) => length === intensities.length,
      ),
    "a curve has one share an intensity.",
  );

const leanChart = z
  .strictObject({
    classes: z
      .array(z.strictObject({ label: count, excess: z.number(), byMode: z.array(z.number()).readonly() }).readonly())
      .min(1)
      .readonly(),
    modes: z.array(text).readonly(),
    threshold: z.number().nullable(),
    source: count.nullable(),
  })
  .readonly()
  .refine(({ classes, modes }) => classes.every((own) => own.byMode.length === modes.length), "one excess a mode.");

const answered = z
  .strictObject({ label: count, predicted: count, confidence: share, picture: picture.nullable() })
  .readonly();

const backdoor = z
  .strictObject({
    verdict: z
      .strictObject({
        flagged: z.boolean().nullable(),
        kind: z.enum(["statistical", "heuristic", "undecided"]),
        target: count.nullable(),
        pValue: share.nullable(),
        level: share.nullable(),
        reason: text,
      })
      .readonly(),
    suspected: count.nullable(),
    signs: z
      .array(z.strictObject({ kind: z.enum(["noise", "margin", "patch"]), label: count, sentence: text }).readonly())
      .readonly(),
    reference: z
      .strictObject({ name: text, recipe: text, clean: count, smallestP: share, unused: text.nullable() })
      .readonly()
      .nullable(),
    gamma: share,
    curves: z.array(curve).readonly(),
    lean: leanChart.nullable(),
    noise: z
      .strictObject({ what: text, led: rate, examples: z.array(answered).readonly() })
      .readonly()
      .nullable(),
    trigger: z
      .strictObject({
        label: count,
        size: z.number().min(0),
        pixels: count,
        small: z.number().min(0),
        success: rate,
        mask: picture.nullable(),
        pattern: picture.nullable(),
        examples: z.array(answered).readonly(),
      })
      .readonly()
      .nullable(),
    detectors: z
      .array(
        z
          .strictObject({
            id: text,
            title: text,
            flagged: z.boolean().nullable(),
            ownPValue: share.nullable(),
            score: z.number().nullable(),
            pValue: share.nullable(),
            target: count.nullable(),
            reason: text,
            blindTo: text,
          })
          .readonly(),
      )
      .readonly(),
    nextSteps: z.array(text).readonly(),
    limits: z.array(text).readonly(),
    settings: z.array(z.strictObject({ name: text, value: text }).readonly()).readonly(),
  })
  .readonly();

const optionValue = z.union([text, z.number(), z.boolean(), z.null()]);
const run = z
  .strictObject({
    id: text,
    method: text,
    purpose: z.enum(["attack", "verify", "tampering", "accuracy"]),
    options: z.record(text, optionValue).readonly(),
    seed: text,
    seconds: z.number().min(0),
    counts: z.record(text, count).readonly(),
    arithmetic: z.enum(["float32-safe", "real"]).nullable(),
  })
  .readonly();

export const reportSchema = z
  .strictObject({
    schema: z.literal(REPORT_SCHEMA),
    tool: z.strictObject({ name: text, version: text }).readonly(),
    created: z.iso.datetime(),
    seed: text,
    command: text,
    seconds: z.number().min(0),
    decision,
    findings: z.array(finding).readonly(),
    model,
    data: dataCard,
    robustness: z.array(robustness).readonly(),
    suspicions: z.array(suspicion).readonly(),
    // left out by versions that made no such search
    backdoor: backdoor.nullable().default(null),
    runs: z.array(run).readonly(),
    incidents: z
      .array(z.strictObject({ kind: z.enum(["bug", "memory", "unfinished"]), title: text, sentence: text }).readonly())
      .readonly()
      .default([]),
    environment: z.array(z.strictObject({ name: text, value: text }).readonly()).readonly(),
    limits: z.array(z.strictObject({ title: text, sentence: text }).readonly()).readonly(),
  })
  .readonly();

const pathText = (path: readonly PropertyKey[]): string =>
  path.reduce<string>((place, key) => {
    if (typeof key === "number") return `${place}[${key}]`;
    return place === "" ? String(key) : `${place}.${String(key)}`;
  }, "");

/** A label beyond the listed names is a mistake; where no names are listed, labels are shown as numbers. */
function checkLabels(report: AuditReport): void {
  const classes = report.data.classNames.length;
  const check = (label: number | null, place: string): void => {
    if (classes > 0 && label !== null && label >= classes) {
      throw new ReportError(place, `class ${label} is not one of the ${classes} in data.classNames.`);
    }
  };
  report.robustness.forEach((r, i) => {
    r.classes.forEach((row, j) => {
      check(row.label, `robustness[${i}].classes[${j}]`);
    });
    r.examples.forEach((e, j) => {
      for (const label of [e.label, e.predicted, e.target]) check(label, `robustness[${i}].examples[${j}]`);
    });
  });
  report.suspicions.forEach((s, i) => {
    for (const label of [s.targetClass, ...s.perTarget.map((t) => t.label)]) check(label, `suspicions[${i}]`);
  });
  if (report.backdoor) for (const label of labelsOf(report.backdoor)) check(label, "backdoor");
}

const labelsOf = ({ verdict, suspected, signs, lean, noise, trigger, detectors }: BackdoorScan): (number | null)[] => [
  verdict.target,
  suspected,
  ...signs.map(({ label }) => label),
  ...(lean?.classes.map(({ label }) => label) ?? []),
  ...[...(noise?.examples ?? []), ...(trigger?.examples ?? [])].flatMap(({ label, predicted }) => [label, predicted]),
  lean?.source ?? null,
  trigger?.label ?? null,
  ...detectors.map(({ target }) => target),
];

/**
 * The report in a parsed JSON value, as written by `assay audit --out`.
 *
 * @throws ReportError naming the first place that does not fit
 */
export function parseReport(raw: unknown): AuditReport {
  const schema = typeof raw === "object" && raw !== null && "schema" in raw ? raw.schema : undefined;
  if (schema === undefined) throw new ReportError("top level", 'no "schema" number, so not an audit report.');
  if (schema !== REPORT_SCHEMA) {
    throw new ReportError("schema", `this version reads schema ${REPORT_SCHEMA}, got ${JSON.stringify(schema)}.`);
  }
  const parsed = reportSchema.safeParse(raw);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    const fact = issue.message.replaceAll(/\s+/g, " ");
    throw new ReportError(pathText(issue.path) || "top level", fact.endsWith(".") ? fact : `${fact}.`);
  }
  checkLabels(parsed.data);
  return parsed.data;
}
