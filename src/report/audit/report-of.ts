/** @file The report of an audit. */

import type { Audited } from "../../studies/audit/audit.ts";
import { PROFILES } from "../../studies/audit/gate.ts";
import type { AuditReport } from "../schema.ts";
import { assembleReport } from "./assemble.ts";
import type { AuditFacts } from "./facts.ts";
import { incidentsOf } from "./incidents.ts";

/** What the audit itself does not know. */
export interface ReportOptions {
  /** When it was made, in ISO 8601. */
  readonly created: string;
  /** What was typed, or what called it. */
  readonly command: string;
  /** Which inputs these are, of those that there were: "all 100". */
  readonly selection?: string;
  /** By default `PROFILES.default`. */
  readonly gate?: AuditFacts["gate"];
  /** On what it ran: names and values. */
  readonly environment?: AuditReport["environment"];
}

/** Findings, decision and evidence as plain data: `renderHtml` and `renderText` show it. */
export function reportOf(audited: Audited, options: ReportOptions): AuditReport {
  const { examination, robustness, patches, backdoor, unexamined, geometry, arithmetic } = audited;
  const { model, inputs, place, network, chunk, labelled, predictions, predictSeconds, notices, seed } = examination;
  const {
    created,
    command,
    selection = `all ${chunk.labels.length}`,
    gate = PROFILES.default,
    environment = [],
  } = options;
  return assembleReport({
    tool: { name: "assay", version: place.version },
    created,
    seed,
    command,
    seconds: (place.now() - audited.began) / 1000,
    model: {
      fileName: model.path.replace(/^.*[\\/]/, ""),
      sha256: model.sha256,
      bytes: model.bytes.length,
      opset: model.opset,
      producer: model.producer,
      graph: model.graph,
    },
    dataset: inputs.dataset,
    unit: inputs.unit.text,
    factor: inputs.factor,
    naming: inputs.naming,
    notices,
    ways: examination.ways?.tried,
    selection,
    contract: inputs.contract,
    geometry,
    classes: network.classes,
    chunk,
    labelled,
    predictions,
    predictSeconds,
    headlineEpsilon: audited.epsilons[0]!,
    robustness,
    patches,
    backdoor,
    unexamined,
    incidents: incidentsOf(audited.left, audited.failures, audited.budget),
    arithmetic,
    own: audited.own,
    gate,
    environment,
  });
}
