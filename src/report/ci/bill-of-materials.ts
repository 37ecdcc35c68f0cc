/**
 * @file An audit as the component of a machine-learning bill of materials: CycloneDX 1.6, of which a product's own bill can take
 * the model's entry over.
 *
 * @source ECMA-424, CycloneDX Bill of Materials Specification, model card
 */

import { epsilonText } from "../../stats/epsilon-text.ts";
import { lowerOf } from "../../studies/audit/codes.ts";
import { isReal } from "../read.ts";
import type { AuditReport } from "../schema.ts";

interface Metric {
  readonly type: string;
  readonly rate: { readonly estimate: number; readonly lower: number; readonly upper: number } | null;
}

/** @returns a bill of one component, as plain data */
export function billOfMaterialsOf(report: AuditReport) {
  const { tool, created, model, data, robustness, limits } = report;
  const metrics: readonly Metric[] = [
    { type: "accuracy", rate: data.cleanAccuracy },
    ...robustness.flatMap(({ norm, points }) =>
      points.flatMap(({ epsilon, attackedUpper, ...point }) => [
        { type: `accuracy under attack within ${norm} ${epsilonText(epsilon)}, at most`, rate: attackedUpper },
        {
          type: `accuracy ${isReal(report) ? "bounded in real arithmetic" : "proved"} within ${norm} ${epsilonText(epsilon)}, at least`,
          rate: lowerOf(point),
        },
      ]),
    ),
  ];
  return {
    bomFormat: "CycloneDX" as const,
    specVersion: "1.6" as const,
    version: 1,
    metadata: {
      timestamp: created,
      tools: { components: [{ type: "application" as const, name: tool.name, version: tool.version }] },
    },
    components: [
      {
        type: "machine-learning-model" as const,
        "bom-ref": `sha256:${model.sha256}`,
        name: model.fileName,
        hashes: [{ alg: "SHA-256" as const, content: model.sha256 }],
        modelCard: {
          modelParameters: {
            task: "classification",
            modelArchitecture: model.ops.map(({ op, count }) => `${count} ${op}`).join(", "),
            inputs: model.inputs.map(portOf),
            outputs: model.outputs.map(portOf),
          },
          quantitativeAnalysis: {
            performanceMetrics: metrics.flatMap(({ type, rate }) =>
              rate === null
                ? []
                : [
                    {
                      type,
                      value: `${rate.estimate}`,
                      slice: `${data.source}, ${data.selection}`,
                      confidenceInterval: { lowerBound: `${rate.lower}`, upperBound: `${rate.upper}` },
                    },
                  ],
            ),
          },
          considerations: {
            technicalLimitations: limits.map(({ title, sentence }) => `${title}: ${sentence}`),
          },
        },
        properties: [
          { name: "assay:decision", value: report.decision.kind },
          ...report.decision.gate.conditions.map(({ sentence, outcome }) => ({
            name: `assay:gate:${outcome}`,
            value: sentence,
          })),
          {
            name: "assay:format",
            value: model.opset === null ? model.format : `${model.format}, opset ${model.opset}`,
          },
          { name: "assay:parameters", value: `${model.parameters}` },
        ],
      },
    ],
  };
}

const portOf = ({ name, shape, type }: AuditReport["model"]["inputs"][number]) => ({
  format: `${name}: ${type} [${shape.join(", ")}]`,
});
