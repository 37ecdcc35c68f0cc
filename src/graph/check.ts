import type { Infer } from "./builder.ts";
import { sameShape, sizeOf } from "./dims.ts";
import { topological } from "./traverse.ts";
import type { ConstantValue, Graph, NodeValue, Value } from "./types.ts";

/** A graph breaks a promise that every transform relies on; the message names the node. */
export class GraphError extends Error {
  override readonly name = "GraphError";
}

/**
 * Is the graph well formed: unique names, no leaf that is not an input, constants of the size they state, and for every
 * node the shape and type that its op infers?
 *
 * @param infer the op table's inference
 * @throws GraphError naming the first value that is not, and why
 */
export function checkGraph({ inputs, outputs }: Graph, infer: Infer): void {
  unique(
    "input",
    inputs.map((input) => input.name),
  );
  unique(
    "output",
    outputs.map((output) => output.name),
  );
  if (outputs.length === 0) throw new GraphError("a graph needs an output");
  const declared = new Set<Value>(inputs);
  for (const value of topological(outputs.map((output) => output.value))) {
    if (value.kind === "input" && !declared.has(value))
      throw new GraphError(`input "${value.name}" is used but is not among the graph's inputs`);
    if (value.kind === "constant") checkConstant(value);
    if (value.kind === "node") checkNode(value, infer);
  }
}

function unique(what: string, names: readonly string[]): void {
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new GraphError(`two ${what}s are called "${twice}"`);
}

const place = (node: NodeValue): string => (node.name === undefined ? node.op : `${node.op} "${node.name}"`);

function checkConstant({ tensor, shape, dtype, name }: ConstantValue): void {
  const what = name === undefined ? "a constant" : `constant "${name}"`;
  if (tensor.data.length !== sizeOf(shape))
    throw new GraphError(`${what} of shape [${shape}] holds ${tensor.data.length} elements, not ${sizeOf(shape)}`);
  const fits = { float: [Float32Array, Float64Array], int: [Int32Array], bool: [Uint8Array] }[dtype];
  if (!fits.some((kind) => tensor.data instanceof kind))
    throw new GraphError(`${what} is ${dtype} but holds a ${tensor.data.constructor.name}`);
}

function checkNode(node: NodeValue, infer: Infer): void {
  let inferred: ReturnType<Infer>;
  try {
    inferred = infer(node.op, node.inputs, node.attrs);
  } catch (error) {
    throw new GraphError(`${place(node)}: ${(error as Error).message}`, { cause: error });
  }
  if (!sameShape(inferred.shape, node.shape) || inferred.dtype !== node.dtype)
    throw new GraphError(
      `${place(node)} says ${node.dtype}[${node.shape}], but its inputs give ${inferred.dtype}[${inferred.shape}]`,
    );
}
