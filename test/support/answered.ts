import { floatTensor } from "../../src/graph/tensor.ts";
import type { AttackBatch } from "../../src/methods/attack/types.ts";
import type { Network } from "../../src/methods/network.ts";
import { evaluateGraph } from "../../src/ops/evaluate.ts";
import type { Rng } from "../../src/random/rng.ts";

/** Random pictures with the network's own answers as labels, so that all are classified correctly. */
export function answeredBatch({ graph, input, classes }: Network, count: number, random: Rng): AttackBatch {
  const shape = [count, ...(input.shape.slice(1) as number[])];
  const data = new Float32Array(shape.reduce((product, size) => product * size, 1));
  random.fillUniform(data, 0, 1);
  const logits = evaluateGraph(graph, new Map([[input.name, floatTensor(shape, data)]])).get("logits")!.data;
  const labels = Int32Array.from({ length: count }, (_, i) => {
    const row = Array.from(logits).slice(i * classes, (i + 1) * classes);
    return row.indexOf(Math.max(...row));
  });
  return { images: { dtype: "float", shape, data }, labels, indices: Int32Array.from(labels, (_, i) => 100 + i) };
}
