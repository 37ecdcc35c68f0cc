/** @file docs/ops.md, from the records of the ops: what each reading can do, and how it is written in ONNX. */

import { exportOnnx } from "../../src/formats/onnx/export.ts";
import { decodeModel } from "../../src/formats/onnx/proto.ts";
import type { OpName } from "../../src/graph/signatures.ts";
import { makeGraph } from "../../src/graph/traverse.ts";
import type { Builder, InputValue } from "../../src/graph/types.ts";
import { noCotangent } from "../../src/ops/elementwise.ts";
import { ops, recordOf } from "../../src/ops/index.ts";
import { type Interval, isUnsupported, type LinearBounds, type SlopeRule } from "../../src/ops/op.ts";
import { type Bench, benchOf } from "../../test/contracts/op-bench.ts";
import { cases, type OpCase } from "../../test/contracts/op-cases.ts";

const families: Readonly<Record<string, readonly OpName[]>> = {
  Arithmetic: ["Add", "Sub", "Mul", "Div", "Pow", "Min", "Max"],
  "Elementary functions": [
    ...(["Neg", "Abs", "Sign", "Step", "Sqrt", "Exp", "Log", "Reciprocal", "Sin", "Cos", "Asin", "Atan"] as const),
    ...(["Floor", "Ceil", "Round", "Cast"] as const),
  ],
  Activations: [
    ...(["Relu", "LeakyRelu", "PRelu", "Elu", "HardSwish", "Clip", "Sigmoid", "Tanh", "Softplus"] as const),
    ...(["Softsign", "Erf", "Gelu", "Softmax", "LogSoftmax"] as const),
  ],
  "Comparisons and choice": ["Equal", "Greater", "Less", "GreaterOrEqual", "LessOrEqual", "And", "Or", "Not", "Where"],
  "Linear maps": ["MatMul", "Conv", "ConvTranspose", "ReduceSum"],
  "Windows and maxima": ["Unfold", "MaxPool", "ReduceMax", "ArgMax"],
  Movement: ["Reshape", "Transpose", "Concat", "Slice", "Pad", "Expand", "Gather"],
};

const benches = (op: OpName): readonly Bench[] =>
  (cases[op] as readonly OpCase<OpName>[]).map((trial) => benchOf(op, trial));

function gradientOf(op: OpName): string {
  const { vjp } = recordOf(op);
  if (isUnsupported(vjp)) return `no: ${vjp.unsupported}`;
  return (vjp as unknown) === noCotangent ? "zero" : "yes";
}

function intervalOf(op: OpName): string {
  const { interval } = recordOf(op);
  return isUnsupported(interval) ? `no: ${interval.unsupported}` : "yes";
}

function boundsOf(op: OpName): string {
  const { relax, linearity, expand, arity } = recordOf(op);
  const operands = arity === "any" ? 2 : arity;
  const all = linearity(Array<boolean>(operands).fill(true));
  if (all !== "none") return "exact: affine";
  const one = Array.from({ length: operands }, (_, k) =>
    linearity(Array.from({ length: operands }, (__, i) => i === k)),
  );
  const affine = one.some((kind) => kind !== "none") ? "exact where one operand varies; " : "";
  if (isUnsupported(relax) && relax.unsupported.startsWith("affine")) return affine.slice(0, -2);
  if (!isUnsupported(relax)) return `${affine}${linesOf(op)}`;
  return `${affine}${expand ? "in other ops: " : "no: "}${relax.unsupported}`;
}

/** Do the lines of any case have slopes, and does the slope rule move them? */
function linesOf(op: OpName): string {
  const relax = recordOf(op).relax as (
    b: Builder,
    x: readonly Interval[],
    attrs: unknown,
    rule: SlopeRule,
  ) => LinearBounds;
  const lines = (bench: Bench, rule: SlopeRule) => relax(bench.b, bench.boxes, bench.node.attrs, rule);
  const slopes = ({ lower, upper }: LinearBounds) => [...lower.slopes, ...upper.slopes];
  const tried = benches(op).filter((bench) => bench.node.dtype === "float");
  if (tried.every((bench) => slopes(lines(bench, "zero")).every((slope) => slope === undefined))) return "constants";
  const moves = tried.some((bench) => {
    const [zero, parallel] = (["zero", "parallel"] as const).map((rule) => slopes(lines(bench, rule)));
    return zero!.some((slope, i) => slope !== parallel![i]);
  });
  return moves ? "lines; the slope rule chooses" : "lines";
}

function errorOf(op: OpName): string {
  const { rounding } = recordOf(op);
  if (rounding.kind === "exact") return "none";
  if (rounding.kind === "sum") return "γ(n)·Σ";
  const absolute = rounding.absolute ? ` + ${rounding.absolute} u` : "";
  return `${rounding.ulps} u·abs(y)${absolute}`;
}

/** The ONNX ops that the op's first case is written in, for float32. */
function onnxOf(op: OpName): string {
  const { node, operands } = benches(op)[0]!;
  const inputs = operands.filter((operand): operand is InputValue => operand.kind === "input");
  const model = decodeModel(exportOnnx(makeGraph([...new Set(inputs)], [{ name: "y", value: node }])));
  const names = (model.graph?.node ?? []).map(({ opType }) => opType ?? "").filter((name) => name !== "Identity");
  return [...new Set(names)].join(", ");
}

const cell = (text: string): string => text.replaceAll("|", "\\|");

function row(op: OpName): string {
  const { arity } = recordOf(op);
  const cells = [
    op,
    arity === "any" ? "any" : String(arity),
    gradientOf(op),
    intervalOf(op),
    boundsOf(op),
    errorOf(op),
    onnxOf(op),
  ];
  return `| ${cells.map(cell).join(" | ")} |`;
}

const HEAD = `| op | operands | gradient | interval | linear bounds | float32 error | in ONNX |
|---|---|---|---|---|---|---|`;

export function opsPage(): string {
  const listed = Object.values(families).flat();
  const missing = (Object.keys(ops) as OpName[]).filter((op) => !listed.includes(op));
  if (missing.length > 0) throw new Error(`docs/ops.md has no place for ${missing.join(", ")}: add it to a family`);
  const sections = Object.entries(families).map(
    ([title, names]) => `## ${title}\n\n${HEAD}\n${names.map(row).join("\n")}\n`,
  );
  return `# The ops

Generated from the records in \`src/ops\` by \`npm run docs\`; do not edit. Import turns an ONNX model into these ops, every
transform reads and writes nothing else, and the suite in \`test/contracts\` holds each record to its claims.

- **gradient**: "zero" is the derivative of a step wherever it exists.
- **interval**: the image of a box, exact or safely outside.
- **linear bounds**: two lines (planes) that hold the op between them on a box. An affine op passes them on exactly.
  Where two lines differ by a choice that is always sound, the slope rule (zero, one, parallel, adaptive, or a value to
  optimise) makes it. "In other ops": the op is rewritten first.
- **float32 error**: how far the float32 result may lie from the exact one, u = 2⁻²⁴ and y the result. γ(n)·Σ is the bound
  for a sum of n terms in any order, Σ the sum of their absolute values. Figures of functions are measured against
  float64 on ONNX Runtime's CPU kernels, with a margin of at least four (\`src/ops/kernel-errors.ts\`).
- **in ONNX**: the ops that export writes for float32.

${sections.join("\n")}`;
}
