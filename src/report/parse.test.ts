import { expect, test } from "vitest";
import { suspiciousReport } from "../../test/report/fixture.ts";
import { healthyReport, undecidedReport } from "../../test/report/variants.ts";
import { parseReport, ReportError } from "./parse.ts";

const reports = { suspicious: suspiciousReport, healthy: healthyReport, undecided: undecidedReport };

test.for(Object.keys(reports) as (keyof typeof reports)[])("reads the %s report back from its JSON", (name) => {
  const report = reports[name]();
  expect(parseReport(JSON.parse(JSON.stringify(report)))).toEqual(report);
});

/** The report as JSON with the value at `path` replaced; `undefined` removes it. */
function changed(path: readonly (string | number)[], value: unknown): unknown {
  const root = JSON.parse(JSON.stringify(suspiciousReport()));
  let at = root;
  for (const key of path.slice(0, -1)) at = at[key];
  at[path.at(-1)!] = value;
  return JSON.parse(JSON.stringify(root));
}

test.for([
  [["schema"], 3, "schema", "reads schema 2, got 3"],
  [["findings", 2, "evidence"], "certain", "findings[2].evidence", "proved"],
  [["decision", "kind"], "maybe", "decision.kind", "ship"],
  [["model", "sha256"], "abc", "model.sha256", "64 hexadecimal digits"],
  [["seed"], undefined, "seed", "expected number"],
  [["robustness", 0, "headlineEpsilon"], 0.11, "robustness[0]", "headline epsilon"],
  [["robustness", 0, "points", 1, "epsilon"], 0.5, "robustness[0]", "must rise"],
  [["robustness", 0, "points", 0, "counts", "unknown"], 1, "robustness[0].points[0].counts", "add up"],
  [["robustness", 0, "points", 0, "clean", "lower"], 0.99, "robustness[0].points[0].clean", "outside its interval"],
  [["robustness", 0, "points", 0, "clean", "estimate"], 0.98, "robustness[0].points[0].clean", "successes / trials"],
  [["robustness", 0, "examples", 0, "label"], 10, "robustness[0].examples[0]", "class 10"],
  [["robustness", 0, "examples", 0, "picture", "original", "width"], 27, "original", "fill the picture"],
  [["robustness", 0, "examples", 0, "picture", "change", "values"], "AAAA", "picture", "differ in size"],
  [["suspicions", 0, "targetClass"], 99, "suspicions[0]", "class 99"],
  [["backdoor", "suspected"], 10, "backdoor", "class 10"],
  [["backdoor", "detectors", 0, "pValue"], 1.5, "backdoor.detectors[0].pValue", "<=1"],
  [["backdoor", "curves", 1, "shares"], [0.5], "backdoor.curves[1]", "one share an intensity"],
  [["backdoor", "curves", 1, "intensities", 1], 9, "backdoor.curves[1]", "must rise"],
  [["backdoor", "lean", "modes"], [], "backdoor.lean", "one excess a mode"],
  [["backdoor", "trigger", "mask", "width"], 27, "backdoor.trigger.mask", "fill the picture"],
  [["runs", 0, "seconds"], null, "runs[0].seconds", "expected number"],
  [["extra"], 1, "top level", "extra"],
] as const)("refuses a report with a wrong %s", ([path, value, place, fact]) => {
  const read = () => parseReport(changed(path, value));
  expect(read).toThrow(ReportError);
  expect(read).toThrow(place);
  expect(read).toThrow(fact);
  expect(read).toThrow(/^[^\n]+$/);
});

test("a report of schema 1 is read: its seeds were text", () => {
  const report = suspiciousReport();
  const old = { ...report, schema: 1, seed: "7", runs: report.runs.map((run) => ({ ...run, seed: "7" })) };
  expect(parseReport(JSON.parse(JSON.stringify(old)))).toEqual(report);
  expect(() => parseReport({ ...old, seed: "seven" })).toThrow(/^Report: seed: /);
});

test("a report of before there was a search for backdoors is read as one without", () => {
  const { backdoor: _, ...old } = suspiciousReport();
  expect(parseReport(JSON.parse(JSON.stringify(old))).backdoor).toBeNull();
});

test.for([null, 1, "report", [], {}, { verdict: "ship" }])("refuses %j, which is no report", (raw) => {
  expect(() => parseReport(raw)).toThrow(/not an audit report.*assay audit/);
});
