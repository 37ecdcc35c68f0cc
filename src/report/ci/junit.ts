/**
 * @file An audit as JUnit XML: a test case a condition of the gate. What is not met is a failure; what could not be decided is an
 * error, so that no build is green by it; what the gate does not ask is skipped.
 *
 * There is no standard for this format. The elements, attributes and their order are those of the strictest reader in use, the
 * schema of Ant's reports.
 */

import { escapeHtml } from "../markup.ts";
import { DECISION_WORDS } from "../read.ts";
import type { AuditReport, GateCondition } from "../schema.ts";

const attribute = (name: string, value: string | number): string => ` ${name}="${escapeHtml(`${value}`)}"`;

const attributes = (values: Readonly<Record<string, string | number>>): string =>
  Object.entries(values)
    .map(([name, value]) => attribute(name, value))
    .join("");

const property = (name: string, value: string): string => `    <property${attributes({ name, value })}/>`;

const BAD = {
  failed: { element: "failure", type: "not met" },
  undecided: { element: "error", type: "undecided" },
} as const;

function testCase({ sentence, outcome, measured, decides }: GateCondition): string {
  const start = `    <testcase${attributes({ name: sentence, classname: "assay.gate", time: 0 })}`;
  if (!decides) return `${start}>\n      <skipped/>\n    </testcase>`;
  if (outcome === "met") return `${start}/>`;
  const { element, type } = BAD[outcome];
  return `${start}>\n      <${element}${attributes({ type, message: measured })}/>\n    </testcase>`;
}

/** An XML document, UTF-8. */
export function junitOf(report: AuditReport): string {
  const { tool, model, decision, data, seed, command, created, seconds } = report;
  const { conditions } = decision.gate;
  const having = (outcome: GateCondition["outcome"]) =>
    conditions.filter((own) => own.decides && own.outcome === outcome).length;
  const suite = {
    name: `${tool.name} audit of ${model.fileName}`,
    package: tool.name,
    id: 0,
    // to the second and without a zone, as the schema has it; UTC
    timestamp: created.slice(0, 19),
    hostname: "localhost",
    tests: conditions.length,
    failures: having("failed"),
    errors: having("undecided"),
    skipped: conditions.filter(({ decides }) => !decides).length,
    time: seconds.toFixed(3),
  };
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    "<testsuites>",
    `  <testsuite${attributes(suite)}>`,
    "    <properties>",
    ...[
      ["decision", DECISION_WORDS[decision.kind]],
      ["model.sha256", model.sha256],
      ["data", data.source],
      ["selection", data.selection],
      ["seed", `${seed}`],
      ["version", tool.version],
      ["command", command],
    ].map(([name, value]) => `  ${property(name!, value!)}`),
    "    </properties>",
    ...conditions.map(testCase),
    `    <system-out>${escapeHtml(decision.reason)}</system-out>`,
    "    <system-err></system-err>",
    "  </testsuite>",
    "</testsuites>",
    "",
  ].join("\n");
}
