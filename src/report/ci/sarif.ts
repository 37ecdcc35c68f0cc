/**
 * @file An audit as SARIF 2.1.0, for code scanning: one result a finding, located in the model file. What the audit found good
 * is a `pass`, what it could not decide is `open`.
 *
 * @source OASIS, Static Analysis Results Interchange Format (SARIF) Version 2.1.0
 */

import { DECISION_WORDS } from "../read.ts";
import type { AuditReport, DecisionKind, Finding } from "../schema.ts";

export const SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json";

type Level = "none" | "note" | "warning" | "error";
interface Judged {
  readonly kind: "pass" | "fail" | "open" | "informational";
  /** `none` for all but `fail`. */
  readonly level: Level;
}

const OF_SEVERITY = {
  critical: { kind: "fail", level: "error" },
  warning: { kind: "fail", level: "warning" },
  note: { kind: "informational", level: "none" },
  good: { kind: "pass", level: "none" },
} as const satisfies Record<Finding["severity"], Judged>;

const OF_DECISION = {
  ship: { kind: "pass", level: "none" },
  "do-not-ship": { kind: "fail", level: "error" },
  "cannot-tell": { kind: "open", level: "none" },
} as const satisfies Record<DecisionKind, Judged>;

const DECISION_RULE = "decision";

/** What each rule is about. A finding that is not listed gets its own title. */
const RULES: Readonly<Record<string, string>> = {
  [DECISION_RULE]: "The decision of the audit by its gate",
  accuracy: "Accuracy on unchanged inputs",
  attack: "Inputs falsified by a small change",
  certified: "Inputs proved right within the radius",
  bounded: "Inputs bounded in real arithmetic within the radius, which is no proof",
  "patch-screen": "A small patch that leads to one class",
  backdoor: "Signs of a planted backdoor",
};

interface Result extends Judged {
  readonly rule: string;
  readonly title: string;
  readonly text: string;
}

/** @returns a log with one run, as plain data */
export function sarifOf(report: AuditReport) {
  const { tool, model, decision, findings, command, created, data, seed } = report;
  const results: readonly Result[] = [
    {
      rule: DECISION_RULE,
      title: RULES[DECISION_RULE]!,
      text: `${DECISION_WORDS[decision.kind]}: ${decision.headline}. ${decision.reason}`,
      ...OF_DECISION[decision.kind],
    },
    ...findings.map(({ id, title, sentence, evidence, severity }) => ({
      rule: id,
      title,
      text: `${title}. ${sentence} (${evidence})`,
      ...OF_SEVERITY[severity],
    })),
  ];
  const rules = [...new Map(results.map(({ rule, title }) => [rule, RULES[rule] ?? title]))];
  const place = (rule: string) => rules.findIndex(([id]) => id === rule);
  return {
    $schema: SARIF_SCHEMA,
    version: "2.1.0" as const,
    runs: [
      {
        tool: {
          driver: {
            name: tool.name,
            semanticVersion: tool.version,
            rules: rules.map(([id, text]) => ({ id, shortDescription: { text } })),
          },
        },
        invocations: [{ commandLine: command, endTimeUtc: created, executionSuccessful: true }],
        artifacts: [
          { location: { uri: uriOf(model.fileName) }, length: model.bytes, hashes: { "sha-256": model.sha256 } },
        ],
        results: results.map(({ rule, kind, level, text }) => ({
          ruleId: rule,
          ruleIndex: place(rule),
          kind,
          level,
          message: { text },
          locations: [
            // a model has no lines, but readers of logs want one
            {
              physicalLocation: {
                artifactLocation: { uri: uriOf(model.fileName), index: 0 },
                region: { startLine: 1 },
              },
            },
          ],
          partialFingerprints: { "finding/v1": rule },
        })),
        properties: { data: data.source, selection: data.selection, seed },
      },
    ],
  };
}

const uriOf = (fileName: string): string => encodeURIComponent(fileName);
