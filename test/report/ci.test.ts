/** @file What build systems read of an audit: against the schemas of their formats, and against the report. */

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { validateXML } from "xmllint-wasm";
import { billOfMaterialsOf } from "../../src/report/ci/bill-of-materials.ts";
import { junitOf } from "../../src/report/ci/junit.ts";
import { markdownOf } from "../../src/report/ci/markdown.ts";
import { sarifOf } from "../../src/report/ci/sarif.ts";
import type { AuditReport } from "../../src/report/schema.ts";
import { suspiciousReport } from "./fixture.ts";
import { healthyReport, undecidedReport } from "./variants.ts";

const require = createRequire(import.meta.url);
const Ajv = require("ajv").default as typeof import("ajv").default;
const Ajv4 = require("ajv-draft-04").default as typeof import("ajv-draft-04").default;
const addFormats = require("ajv-formats").default as typeof import("ajv-formats").default;

const jsonOf = (path: string) => JSON.parse(readFileSync(path, "utf8")) as object;
const fileIn = (name: string, path: string): string => {
  const [folder] = require.resolve.paths(name)!.flatMap((place) => {
    try {
      readFileSync(`${place}/${name}/package.json`);
      return [`${place}/${name}`];
    } catch {
      return [];
    }
  });
  return `${folder}/${path}`;
};

/** SARIF's schema is of draft 4 and has a pattern that is none in Unicode mode. */
function sarifCheck() {
  const ajv = new Ajv4({ strict: false, unicodeRegExp: false });
  addFormats(ajv as never);
  return ajv.compile(jsonOf(fileIn("@microsoft/jest-sarif", "lib/schemas/sarif-2.1.0-rtm.5.json")));
}

/** The same with text that no format may stumble over. */
function hostileReport(): AuditReport {
  const report = suspiciousReport();
  const odd = `a "b" <c> & 'd' | \`e\` \u001b[31m ]]> \u202e café *f*`;
  return {
    ...report,
    command: odd,
    model: { ...report.model, fileName: odd },
    decision: {
      ...report.decision,
      reason: odd,
      gate: { name: odd, conditions: [{ sentence: odd, outcome: "failed", measured: odd, decides: true }] },
    },
    findings: report.findings.map((finding) => ({ ...finding, title: odd, sentence: odd })),
  };
}

const REPORTS = [
  ["suspicious", suspiciousReport],
  ["healthy", healthyReport],
  ["undecided", undecidedReport],
  ["hostile", hostileReport],
] as const;

describe.each(REPORTS)("a %s report", (_, make) => {
  const report = make();

  test("is SARIF 2.1.0 by its schema, with a result for the decision and each finding", () => {
    const check = sarifCheck();
    const log = JSON.parse(JSON.stringify(sarifOf(report))) as ReturnType<typeof sarifOf>;
    check(log);
    expect(check.errors ?? []).toEqual([]);
    const [{ results, tool }] = log.runs as [(typeof log.runs)[number]];
    expect(results).toHaveLength(report.findings.length + 1);
    for (const { ruleId, ruleIndex } of results) expect(tool.driver.rules[ruleIndex]!.id).toBe(ruleId);
    // only what fails may have a level
    for (const { kind, level } of results) expect(level !== "none").toBe(kind === "fail");
  });

  test("is JUnit XML, with a test case a condition and no green one that was not met", async () => {
    const xml = junitOf(report);
    const schema = readFileSync(fileURLToPath(new URL("junit.xsd", import.meta.url)), "utf8");
    const { valid, errors } = await validateXML({
      xml: [{ fileName: "junit.xml", contents: xml }],
      schema: [{ fileName: "junit.xsd", contents: schema }],
    });
    expect(errors).toEqual([]);
    expect(valid).toBe(true);
    const { conditions } = report.decision.gate;
    expect(xml.match(/<testcase /g)).toHaveLength(conditions.length);
    const green = conditions.filter(({ outcome }) => outcome === "met").length;
    expect(xml.match(/<testcase [^>]*\/>/g) ?? []).toHaveLength(green);
    expect(xml).toContain(`failures="${conditions.filter(({ outcome }) => outcome === "failed").length}"`);
  });

  test("is a CycloneDX 1.6 bill of materials by its schema", () => {
    const schema = (name: string) => jsonOf(fileIn("@cyclonedx/cyclonedx-library", `res/schema/${name}`));
    const ajv = new Ajv({ strict: false, formats: { "iri-reference": true, "idn-email": true } });
    addFormats(ajv as never);
    ajv.addSchema(schema("spdx.SNAPSHOT.schema.json"), "http://cyclonedx.org/schema/spdx.SNAPSHOT.schema.json");
    ajv.addSchema(schema("jsf-0.82.SNAPSHOT.schema.json"), "http://cyclonedx.org/schema/jsf-0.82.SNAPSHOT.schema.json");
    const check = ajv.compile(schema("bom-1.6.SNAPSHOT.schema.json"));
    check(JSON.parse(JSON.stringify(billOfMaterialsOf(report))));
    expect(check.errors ?? []).toEqual([]);
  });

  test("is Markdown whose tables have as many cells a row as their heads", () => {
    const tables = markdownOf(report).match(/^\|.*(\n\|.*)+/gm) ?? [];
    expect(tables.length).toBeGreaterThan(0);
    const cells = (line: string) => line.replaceAll(/\\./g, "").split("|").length;
    for (const table of tables) expect(new Set(table.split("\n").map(cells)).size).toBe(1);
  });
});

test("a schema refuses what is not of its format", async () => {
  const check = sarifCheck();
  const log = sarifOf(suspiciousReport());
  expect(check({ ...log, runs: log.runs.map((run) => ({ ...run, results: [{ kind: "maybe" }] })) })).toBe(false);
  const schema = readFileSync(fileURLToPath(new URL("junit.xsd", import.meta.url)), "utf8");
  const broken = junitOf(suspiciousReport()).replace(/ classname="[^"]*"/, "");
  const { valid } = await validateXML({
    xml: [{ fileName: "junit.xml", contents: broken }],
    schema: [{ fileName: "junit.xsd", contents: schema }],
  });
  expect(valid).toBe(false);
});

test("Markdown says the decision, the gate and the radii", () => {
  const lines = markdownOf(undecidedReport()).split("\n");
  expect(lines[0]).toBe("## Cannot tell: camera-7.onnx");
  expect(lines).toContain(
    "| At least 80% stay correct within linf 8/255 | undecided | at most 76.7% (not falsified by any attack), nothing proved |",
  );
  expect(lines).toContain("| 8/255 | 76.7% (63.9–86.7%) | not measured |");
  expect(lines).toContain("- One answer in four can be changed (attacked)");
});
