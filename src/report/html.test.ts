import { parseHTML } from "linkedom";
import { expect, test } from "vitest";
import { point, suspiciousReport } from "../../test/report/fixture.ts";
import { healthyReport, undecidedReport } from "../../test/report/variants.ts";
import { renderHtml } from "./html.ts";
import { parseReport } from "./parse.ts";
import type { AuditReport } from "./schema.ts";

const reports = { suspicious: suspiciousReport, healthy: healthyReport, undecided: undecidedReport };

/** The part of a parsed page that the tests look at. */
interface Node {
  readonly localName: string;
  readonly textContent: string;
  readonly className: string;
  readonly attributes: Iterable<{ readonly name: string; readonly value: string }>;
  getAttribute(name: string): string | null;
  querySelectorAll(selector: string): Iterable<Node>;
}

const parse = (page: string): Node => parseHTML(page).document as unknown as Node;
const all = (page: Node, selector: string): Node[] => [...page.querySelectorAll(selector)];
const words = (node: Node): string => node.textContent.replaceAll(/\s+/g, " ").trim();

/** Headings, badges, numbers and rows of the page, one a line: what a reader sees, without the layout. */
function outline(page: string): string {
  const selector =
    "h1,h2,h3,.headline,.badge,.severity,.figure,.key-number,.legend li,.condition,.facts dt,.glossary dt,thead th,.empty,nav a";
  return all(parse(page), selector)
    .map(
      (node) =>
        `${node.localName}${node.className ? `.${String(node.className).split(" ")[0]}` : ""}: ${words(node)}\n`,
    )
    .join("");
}

test.for(Object.keys(reports) as (keyof typeof reports)[])(
  "the page of the %s report has this outline",
  async (name) => {
    await expect(outline(await renderHtml(reports[name]()))).toMatchFileSnapshot(
      `../../test/golden/report-${name}.txt`,
    );
  },
);

test.for(Object.keys(reports) as (keyof typeof reports)[])("the %s page needs nothing outside itself", async (name) => {
  const source = await renderHtml(reports[name]());
  const page = parse(source);
  expect(all(page, "meta[http-equiv]")[0]!.getAttribute("content")).toMatch(/^default-src 'none'; img-src data:;/);
  expect(/<script|javascript:|@import|https?:\/\//i.exec(source)).toBeNull();
  for (const node of all(page, "[src]")) expect(node.getAttribute("src")).toMatch(/^data:image\/png;base64,/);
  const ids = all(page, "[id]").map((node) => node.getAttribute("id"));
  expect(new Set(ids).size).toBe(ids.length);
  for (const node of all(page, "[href]")) expect(ids).toContain(node.getAttribute("href")!.replace(/^#/, ""));
});

test("attack results are never called robustness against anything", async () => {
  for (const make of Object.values(reports)) {
    const text = parse(await renderHtml(make())).querySelectorAll("body");
    for (const body of text) expect(body.textContent).not.toMatch(/robust (to|against)/i);
  }
});

test("the page says what the report says, not what its numbers suggest", async () => {
  const report = suspiciousReport();
  const page = await renderHtml({ ...report, decision: { ...report.decision, kind: "ship" } });
  expect(all(parse(page), "h1").map(words)).toEqual(["Ship"]);
});

/** Values that the parser holds to a fixed form; every other string is free text from files and people. */
const FIXED = new Set(["pixels", "values", "sha256", "created", "evidence", "severity", "section", "kind", "outcome"]);
const FIXED_ALSO = new Set(["norm", "purpose", "arithmetic", "term", "basis"]);
const HOSTILE = `</style></svg><script>alert(1)</script><img src=x onerror="alert('2')">`;

function poisoned(value: unknown, key = ""): unknown {
  if (typeof value === "string") return FIXED.has(key) || FIXED_ALSO.has(key) ? value : `${HOSTILE}${value}`;
  if (Array.isArray(value)) return value.map((item) => poisoned(item, key));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([k, v]) => [key === "options" ? HOSTILE + k : k, poisoned(v, k)]),
  );
}

test("hostile names, classes and sentences stay text everywhere", async () => {
  const report: AuditReport = parseReport(poisoned(suspiciousReport()));
  const source = await renderHtml(report);
  const page = parse(source);
  const inert = parse(await renderHtml(suspiciousReport()));
  const kinds = (root: Node): Record<string, number> => {
    const counts: Record<string, number> = {};
    for (const node of all(root, "body *")) counts[node.localName] = (counts[node.localName] ?? 0) + 1;
    return counts;
  };
  expect(/<script|<img src=x/i.exec(source)).toBeNull();
  expect(kinds(page)).toEqual(kinds(inert));
  for (const node of all(page, "*")) {
    for (const { name } of node.attributes) expect(name).not.toMatch(/^on|^formaction$/i);
  }
  expect(all(page, "title")[0]!.textContent).toContain(HOSTILE);
});

test("a report with nothing in it is still a page that says so", async () => {
  const page = parse(
    await renderHtml({
      ...undecidedReport(),
      findings: [],
      robustness: [],
      backdoor: null,
      runs: [],
      limits: [],
      environment: [],
    }),
  );
  expect(all(page, ".empty").map(words)).toEqual([
    "Not known: the inputs carry no labels, or the report is of an older version.",
    "Neither attacks nor verifiers ran in this audit.",
    "No attack ran.",
    "No test for tampering ran. This report says nothing about hidden triggers.",
    "The list of layers was not kept.",
    "Nothing was run on the model.",
    "No limits were recorded. That does not mean there are none.",
  ]);
});

test("a band that nothing bounds is not drawn", async () => {
  const report = suspiciousReport();
  const [first] = report.robustness;
  const points = first!.points.map(({ epsilon }) => point(epsilon, null, null));
  const page = parse(await renderHtml({ ...report, robustness: [{ ...first!, points }] }));
  expect(all(page, "#robustness > figure, #robustness > .legend")).toEqual([]);
  expect(words(all(page, "#robustness .empty")[0]!)).toMatch(/^No attack and no verifier/);
});

test("the confusion of few classes is a matrix by name, that of many a list of pairs", async () => {
  const report = suspiciousReport();
  const page = parse(await renderHtml(report));
  const rows = all(page, ".matrix tbody tr").map(words);
  expect(rows[2]).toMatch(/^two ?0 ?0 ?101 ?0 ?0 ?0 ?0 ?2 ?0 ?0$/);
  expect(words(all(page, "#mistakes .chips li")[0]!)).toBe("two answered seven: 2 of 103");
  expect(words(all(page, ".mistakes figcaption")[0]!)).toBe("one answered seven, confidence 99.8%. Input 118");
  const classNames = Array.from({ length: 20 }, (_, label) => `kind ${label}`);
  const many = parse(await renderHtml(parseReport({ ...report, data: { ...report.data, classNames } })));
  expect(all(many, ".matrix")).toHaveLength(0);
  expect(words(all(many, "#mistakes summary")[0]!)).toBe("7 more pairs");
  expect(words(all(many, "#mistakes tbody tr")[0]!)).toMatch(/^kind 8 ?kind 3 ?1 ?1.0% of 97$/);
});

test("classes without names are shown by their numbers", async () => {
  const report = suspiciousReport();
  const page = parse(await renderHtml(parseReport({ ...report, data: { ...report.data, classNames: [] } })));
  expect(words(all(page, ".example-title")[0]!)).toBe("class 3 read as class 8");
  expect(words(all(page, "#classes tbody th")[0]!)).toBe("class 8 (97)");
  expect(words(all(page, "#classes-chart-desc")[0]!)).toMatch(/^class 8: clean/);
});

test("proofs in real arithmetic are marked where they are shown", async () => {
  const report = suspiciousReport();
  const runs = report.runs.map((run) => (run.method === "CROWN" ? { ...run, arithmetic: "real" as const } : run));
  const cautions = async (from: AuditReport): Promise<string[]> =>
    all(parse(await renderHtml(from)), ".caution").map(words);
  expect(await cautions(report)).toEqual([]);
  expect(await cautions({ ...report, runs })).toEqual([
    "CROWN ran in real arithmetic: the bounds leave out rounding, prove nothing of the model as it runs and are not float32-safe.",
  ]);
  const page = parse(await renderHtml({ ...report, runs }));
  expect(all(page, "#runs .purpose").map(words).join("; ")).toContain("bound in real arithmetic, no proof");
  for (const lead of all(page, "#robustness .lead")) expect(words(lead)).not.toMatch(/certified|cannot be falsified/);
});

test("the first screen shows the trigger where signs of a backdoor agree, whatever the screen for patches says", async () => {
  const report = suspiciousReport();
  const shown = async (given: AuditReport) => all(parse(await renderHtml(given)), ".exhibits figcaption").map(words);
  expect(await shown({ ...report, suspicions: [] })).toEqual([
    "The trigger found, on grey",
    "With it: seven",
    "With it: seven",
  ]);
  const backdoor = { ...report.backdoor!, signs: report.backdoor!.signs.slice(0, 1) };
  expect((await shown({ ...report, suspicions: [], backdoor }))[0]).toMatch(/^Answered/);
});

test("run times are of methods, their runs at several radii together", async () => {
  const report = suspiciousReport();
  const [run] = report.runs;
  const runs = [run!, { ...run!, id: "again", seconds: 2 }].map((own) => ({ ...own, method: "PGD", seconds: 2 }));
  const page = parse(await renderHtml({ ...report, runs }));
  expect(words(all(page, "#run-times-desc")[0]!)).toBe("PGD: 4.0 s.");
});
