/** @file Points of sub-domains run through the network, with the derivatives of rows there: what splits are chosen by. */

import { makeGraph } from "../../../graph/traverse.ts";
import type { Tensor, Value } from "../../../graph/types.ts";
import { builder } from "../../../ops/index.ts";
import type { Runtime } from "../../../runtime/session.ts";
import { gradient } from "../../../transforms/gradient.ts";
import { UnsupportedReading } from "../../../transforms/unsupported.ts";
import { type Boundable, sampleSize } from "../boundable.ts";

export interface Sampled {
  /** [m, outputs] */
  readonly outputs: Float32Array;
  /** The inputs' cotangents, [m, inputs]; undefined where the network has no derivative. */
  readonly slopes?: Float32Array;
}

export interface Sampler extends AsyncDisposable {
  /**
   * @param points [m, inputs], all inputs one after the other
   * @param rows the outputs' cotangents, [m, outputs]
   */
  run(points: Float32Array, rows: Float32Array): Promise<Sampled>;
}

export async function samplerOf(net: Boundable, runtime: Pick<Runtime, "compile">): Promise<Sampler> {
  const b = builder();
  const seed = b.input("seed", net.target.shape);
  const slopes = slopesOrNone(b, net, seed);
  const outputs: { name: string; value: Value }[] = [{ name: "outputs", value: net.target }];
  for (const [k, value] of (slopes ?? []).entries()) if (value) outputs.push({ name: `slope/${k}`, value });
  const inputs = slopes ? [...net.inputs, seed] : net.inputs;
  const session = await runtime.compile(makeGraph(inputs, outputs), { float: "float32", name: "bounds/samples" });
  const sizes = net.inputs.map(sampleSize);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const perOutput = sampleSize(net.target);
  return {
    async run(points, rows) {
      const m = points.length / total;
      const feeds: Record<string, Tensor> = {};
      let offset = 0;
      for (const [k, { name, shape }] of net.inputs.entries()) {
        const data = new Float32Array(m * sizes[k]!);
        for (let i = 0; i < m; i++)
          data.set(points.subarray(i * total + offset, i * total + offset + sizes[k]!), i * sizes[k]!);
        feeds[name] = { dtype: "float", shape: [m, ...(shape.slice(1) as number[])], data };
        offset += sizes[k]!;
      }
      if (slopes) feeds["seed"] = { dtype: "float", shape: [m, perOutput], data: rows };
      const found = await session.run(Object.fromEntries(session.inputs.map(({ name }) => [name, feeds[name]!])));
      const values = found["outputs"]!.data as Float32Array;
      if (!slopes) return { outputs: values };
      const all = new Float32Array(m * total);
      offset = 0;
      for (const [k, size] of sizes.entries()) {
        const own = found[`slope/${k}`]?.data as Float32Array | undefined;
        for (let i = 0; own && i < m; i++) all.set(own.subarray(i * size, (i + 1) * size), i * total + offset);
        offset += size;
      }
      return { outputs: values, slopes: all };
    },
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  };
}

function slopesOrNone(b: ReturnType<typeof builder>, net: Boundable, seed: Value) {
  try {
    return gradient(b, net.target, net.inputs, seed);
  } catch (error) {
    if (error instanceof UnsupportedReading) return undefined;
    throw error;
  }
}
