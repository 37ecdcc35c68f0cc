/**
 * @file IBP, CROWN-IBP and CROWN against an independent implementation's float64 bounds of four published networks:
 * every array, final and intermediate, linf and l2.
 */

import { afterEach, describe, expect, test } from "vitest";
import { readNpz } from "../src/formats/npz.ts";
import { importOnnx } from "../src/formats/onnx/import.ts";
import { makeGraph } from "../src/graph/traverse.ts";
import type { ConstantValue, Tensor } from "../src/graph/types.ts";
import { type Network, networkOf } from "../src/methods/network.ts";
import { crownBounder } from "../src/methods/verify/crown.ts";
import { crownIbpBounder } from "../src/methods/verify/crown-ibp.ts";
import { ibpBounder } from "../src/methods/verify/ibp.ts";
import type { LayerBox } from "../src/methods/verify/types.ts";
import { evaluateGraph } from "../src/ops/evaluate.ts";
import { createRuntime } from "../src/runtime/node.ts";
import type { Float } from "../src/runtime/session.ts";
import { type Batch, classification, sliceBatch } from "../src/spec/classification.ts";
import type { Norm, Queries, Threat } from "../src/spec/types.ts";
import { relaxedOperands } from "../src/transforms/relax/index.ts";
import { dataFile, missing } from "./support/data.ts";

const NETS = ["mnist_fc_256x2", "mnist_cnn_a_adv", "cifar_cnn_a_mix", "oval_base"] as const;
const METHODS = ["IBP", "CROWN-IBP", "CROWN"] as const;

/** Relative to the largest bound of the array. */
const TOLERANCE = { float32: 1e-4, float64: 1e-9 } as const;

/** Images in float64, where a convolution is slow: the runtime has no kernel for it. ASSAY_FLOAT64_IMAGES=100 takes all. */
const FLOAT64_IMAGES = Number(process.env["ASSAY_FLOAT64_IMAGES"] ?? 2);

const runtime = createRuntime();
// sessions of thousands of rows keep gigabytes
afterEach(() => runtime[Symbol.asyncDispose]());

interface Reference {
  readonly network: Network;
  /** Sets as named in the file: linf_<eps>, l2_<radius>. */
  readonly sets: readonly string[];
  array(name: string): { readonly shape: readonly number[]; readonly data: Float64Array } | undefined;
}

function load(net: string): Reference {
  const arrays = readNpz(dataFile(`reference-bounds/${net}.npz`));
  const names = [...arrays.keys()];
  const array = (name: string) => {
    const found = arrays.get(name);
    return found && { shape: found.shape, data: Float64Array.from(found.data as Iterable<number | bigint>, Number) };
  };
  const { graph } = importOnnx(dataFile(`reference-bounds/${net}.onnx`), { fileName: `${net}.onnx` });
  const sets = [...new Set(names.flatMap((name) => (/^(linf|l2)_[\d.]+__IBP$/.test(name) ? [name.slice(0, -5)] : [])))];
  return { network: networkOf(graph, net), sets, array };
}

/** The first `count` images of a set, with its boxes where it is one. */
function problem(
  { array, network }: Reference,
  set: string,
  count: number,
  float: Float,
): { batch: Batch; threat: Threat } {
  const per = network.input.shape.slice(1).reduce<number>((size, dim) => size * (dim as number), 1);
  const cut = (name: string) => {
    const { data } = array(name)!;
    const part = data.subarray(0, count * per);
    return float === "float64" ? part : Float32Array.from(part);
  };
  const [kind, size] = set.split("_") as [string, string];
  const labels = Int32Array.from(array("y")!.data.subarray(0, count));
  const images: Tensor = {
    dtype: "float",
    shape: [count, ...(network.input.shape.slice(1) as number[])],
    data: cut("x"),
  };
  if (kind === "l2") {
    // the reference's ball is not clipped
    return { batch: { images, labels }, threat: { norm: "l2", epsilon: Number(size), domain: undefined } };
  }
  const box = { lower: cut(`${set}__xL`), upper: cut(`${set}__xU`) };
  return { batch: { images, labels, box }, threat: { norm: "linf", epsilon: Number(size), domain: undefined } };
}

async function bounds(
  reference: Reference,
  set: string,
  method: string,
  count: number,
  float: Float,
): Promise<ArrayLike<number>> {
  const { network } = reference;
  const { batch, threat } = problem(reference, set, count, float);
  const given = firstLayer(reference, set, batch, threat);
  const queries = classification(network, batch, threat);
  const make = { IBP: ibpBounder, "CROWN-IBP": crownIbpBounder, CROWN: crownBounder }[method];
  await using bounder = await make!(network.graph, runtime, { ...crownOptions, norm: threat.norm, float });
  return (await bounder.bounds(queries, given.size > 0 ? { boxes: given } : undefined)).lower;
}

const crownOptions = { arithmetic: "real", memoryBudget: 2 ** 26, allRows: true } as const;

/**
 * The reference's first boxes under l2 are f(x) ± r·‖w‖₂ with the whole kernel, also where it lies on the padding; ours
 * count only the weights that meet a pixel, and are tighter there. Everything after is compared from its boxes.
 */
function firstLayer(
  { network }: Reference,
  set: string,
  { images }: Batch,
  { epsilon }: Threat,
): ReadonlyMap<number, LayerBox> {
  const operand = relaxedOperands(network.logits, new Set([network.input]))[0]!;
  if (!set.startsWith("l2") || operand.shape.length < 4) return new Map();
  const [conv, bias] = operand.kind === "node" ? operand.inputs : [];
  if (conv?.kind !== "node" || conv.op !== "Conv") throw new Error("the first layer is a convolution and a bias");
  const kernel = conv.inputs[1] as ConstantValue;
  const [filters, per] = [kernel.shape[0]!, kernel.tensor.data.length / kernel.shape[0]!];
  const norms = Array.from({ length: filters }, (_, o) =>
    Math.hypot(...kernel.tensor.data.subarray(o * per, (o + 1) * per)),
  );
  expect(bias?.kind).toBe("constant");
  const centre = evaluateGraph(
    makeGraph([network.input], [{ name: "z", value: operand }]),
    new Map([[network.input.name, images]]),
  ).get("z")!.data;
  const area = centre.length / images.shape[0]! / filters;
  const radius = (i: number) => epsilon * norms[Math.floor(i / area) % filters]!;
  const like = images.data instanceof Float64Array ? Float64Array : Float32Array;
  const end = (side: number) => like.from(Array.from(centre as ArrayLike<number>, (c, i) => c + side * radius(i)));
  return new Map([[0, { lower: end(-1), upper: end(1) }]]);
}

/** Interval boxes of the operands of the activations, by those that are given. */
async function intervalLayers(
  { network }: Reference,
  queries: Queries,
  norm: Norm,
  given: ReadonlyMap<number, LayerBox>,
  float: Float,
): Promise<readonly LayerBox[]> {
  await using ibp = await ibpBounder(network.graph, runtime, { ...crownOptions, norm, float });
  return (await ibp.bounds(queries, { boxes: given })).boxes;
}

/** Images whose bounds deviate by more than `tolerance` times the largest bound. */
function deviating(ours: ArrayLike<number>, theirs: ArrayLike<number>, per: number, tolerance: number): Set<number> {
  const limit = tolerance * Array.from(theirs).reduce((scale, bound) => Math.max(scale, Math.abs(bound)), 0);
  const images = new Set<number>();
  for (let i = 0; i < ours.length; i++)
    if (!(Math.abs(ours[i]! - theirs[i]!) <= limit)) images.add(Math.floor(i / per));
  return images;
}

/**
 * The reference keeps the interval box of a unit that interval propagation finds stable for a whole batch, even where
 * the backward box is unstable (neither contains the other). Does an image equal the reference with one such unit so?
 */
async function equalWithIntervalUnit(reference: Reference, set: string, image: number, float: Float): Promise<boolean> {
  const { network } = reference;
  const whole = problem(reference, set, image + 1, float);
  const { threat } = whole;
  const batch = sliceBatch(whole.batch, image, image + 1);
  const crown = await crownBounder(network.graph, runtime, { ...crownOptions, norm: threat.norm, float });
  const queries = classification(network, batch, threat);
  const { boxes: layers } = await crown.bounds(queries);
  const theirs = reference.array(`${set}__CROWN`)!.data;
  const limit = TOLERANCE[float] * theirs.reduce((scale, bound) => Math.max(scale, Math.abs(bound)), 0);
  let equal = false;
  for (let k = 1; k < layers.length && !equal; k++) {
    const earlier = new Map([...layers.slice(0, k).entries()]);
    const { lower, upper } = (await intervalLayers(reference, queries, threat.norm, earlier, float))[k]!;
    for (let unit = 0; unit < lower.length && !equal; unit++) {
      const { lower: l, upper: u } = layers[k]!;
      if ((lower[unit]! < 0 && upper[unit]! > 0) || !(l[unit]! < 0 && u[unit]! > 0)) continue;
      const box = { lower: l.with(unit, lower[unit]!), upper: u.with(unit, upper[unit]!) };
      const { lower: margins } = await crown.bounds(queries, { boxes: new Map([...earlier, [k, box]]) });
      equal = margins.every((margin, r) => Math.abs(margin - theirs[image * 9 + r]!) <= limit);
    }
  }
  await crown[Symbol.asyncDispose]();
  return equal;
}

const absent = missing("reference-bounds");

describe.skipIf(absent)(`bounds of published networks${absent ? ` (${absent})` : ""}`, () => {
  for (const net of NETS) {
    const reference = absent ? undefined : load(net);
    for (const float of ["float32", "float64"] as const) {
      test.each(METHODS)(
        `${net}: %s margins in ${float} equal the reference on every set`,
        async (method) => {
          const { sets, array } = reference!;
          expect(sets.length).toBeGreaterThanOrEqual(3);
          for (const set of sets) {
            const theirs = array(`${set}__${method}`);
            if (!theirs) throw new Error(`the reference has no ${set}__${method}`);
            const count = float === "float64" ? Math.min(FLOAT64_IMAGES, theirs.shape[0]!) : theirs.shape[0]!;
            const margins = await bounds(reference!, set, method, count, float);
            const others = deviating(margins, theirs.data.subarray(0, count * 9), 9, TOLERANCE[float]);
            expect(
              [...others].filter(() => method !== "CROWN"),
              set,
            ).toEqual([]);
            expect(others.size, `images with a unit bounded otherwise in ${set}`).toBeLessThanOrEqual(0.05 * count);
            for (const image of others)
              expect(await equalWithIntervalUnit(reference!, set, image, float), `${set}, image ${image}`).toBe(true);
          }
        },
        600_000,
      );

      test.each(["IBP", "CROWN"] as const)(
        `${net}: %s intermediate bounds in ${float} equal the reference`,
        async (method) => {
          const { sets, array, network } = reference!;
          const set = sets.filter((name) => name.startsWith("linf")).at(-1)!;
          const count = float === "float64" ? Math.min(FLOAT64_IMAGES, 3) : 3;
          const { batch, threat } = problem(reference!, set, count, float);
          let layers: readonly { lower: ArrayLike<number>; upper: ArrayLike<number> }[];
          const queries = classification(network, batch, threat);
          if (method === "IBP") {
            const given = firstLayer(reference!, set, batch, threat);
            layers = await intervalLayers(reference!, queries, threat.norm, given, float);
          } else {
            const crown = await crownBounder(network.graph, runtime, { ...crownOptions, norm: threat.norm, float });
            layers = (await crown.bounds(queries)).boxes;
            await crown[Symbol.asyncDispose]();
          }
          for (const [k, layer] of layers.entries())
            for (const side of ["lower", "upper"] as const) {
              const theirs = array(`inter_${set}__${method}__act${k}_${side}`);
              if (!theirs) throw new Error(`the reference has no layer ${k}`);
              expect(layer[side].length).toBe((theirs.data.length / theirs.shape[0]!) * count);
              expect(
                [...deviating(layer[side], theirs.data, layer[side].length / count, TOLERANCE[float])],
                `layer ${k}, ${side}`,
              ).toEqual([]);
            }
        },
        600_000,
      );
    }
  }
});
