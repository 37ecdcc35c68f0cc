import type { OnnxNode } from "../node.ts";
import type { Operand } from "../operand.ts";

/** Turns one ONNX node into ops: its outputs in order; a hole where an output is absent or unused. */
export type Converter = (n: OnnxNode) => Operand | readonly (Operand | undefined)[];

export type ConverterTable = Readonly<Record<string, Converter>>;
