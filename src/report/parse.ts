import { type AuditReport, labelsOf, REPORT_SCHEMA, reportSchema } from "./schema.ts";

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

const pathText = (path: readonly PropertyKey[]): string =>
  path.reduce<string>((place, key) => {
    if (typeof key === "number") return `${place}[${key}]`;
    return place === "" ? String(key) : `${place}.${String(key)}`;
  }, "");

/** A label beyond the listed names is a mistake; where no names are listed, labels are shown as numbers. */
function checkLabels(report: AuditReport): void {
  const classes = report.data.classNames.length;
  for (const [place, label] of labelsOf(report)) {
    if (classes > 0 && label !== null && label >= classes) {
      throw new ReportError(place, `class ${label} is not one of the ${classes} in data.classNames.`);
    }
  }
}

/** The schema whose seeds were text. */
const WITH_TEXT_SEEDS = 1;

interface OldReport {
  readonly seed?: unknown;
  readonly runs?: unknown;
}

const seedOf = (seed: unknown): unknown => (typeof seed === "string" && /^\d+$/.test(seed) ? Number(seed) : seed);

const withNumbers = (raw: OldReport): object => ({
  ...raw,
  schema: REPORT_SCHEMA,
  seed: seedOf(raw.seed),
  runs: Array.isArray(raw.runs) ? raw.runs.map((run: OldReport) => ({ ...run, seed: seedOf(run.seed) })) : raw.runs,
});

/**
 * The report in a parsed JSON value, as written by `assay audit --out`.
 *
 * @throws ReportError naming the first place that does not fit
 */
export function parseReport(raw: unknown): AuditReport {
  const schema = typeof raw === "object" && raw !== null && "schema" in raw ? raw.schema : undefined;
  if (schema === undefined) throw new ReportError("top level", 'no "schema" number, so not an audit report.');
  if (schema !== REPORT_SCHEMA && schema !== WITH_TEXT_SEEDS) {
    throw new ReportError("schema", `this version reads schema ${REPORT_SCHEMA}, got ${JSON.stringify(schema)}.`);
  }
  const parsed = reportSchema.safeParse(schema === WITH_TEXT_SEEDS ? withNumbers(raw as OldReport) : raw);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    const fact = issue.message.replaceAll(/\s+/g, " ");
    throw new ReportError(pathText(issue.path) || "top level", fact.endsWith(".") ? fact : `${fact}.`);
  }
  checkLabels(parsed.data);
  return parsed.data;
}
