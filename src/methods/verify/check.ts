/** @file The contract of verifiers, held against any verifier on any network: for those who write one of their own. */

import { floatTensor } from "../../graph/tensor.ts";
import { makeGraph } from "../../graph/traverse.ts";
import type { Builder, Value } from "../../graph/types.ts";
import { builder } from "../../ops/index.ts";
import { rng } from "../../random/rng.ts";
import type { Runtime } from "../../runtime/session.ts";
import { ballOf } from "../../spec/ball.ts";
import { type Batch, classification } from "../../spec/classification.ts";
import { excessOf } from "../../spec/queries.ts";
import type { Arithmetic, Queries, Threat } from "../../spec/types.ts";
import { type Verdict, verdictOf } from "../../spec/verdict.ts";
import { type Network, networkOf } from "../network.ts";
import type { Proof, Verifier } from "./types.ts";

/** Points of each set: its centre, corners in random directions, and random ones. */
const CORNERS = 16;
const RANDOM = 16;

/** A matrix product of another height may be added up in another order: the last digits of a bound. */
const LAST_DIGITS = 1e-4;

export interface VerifierCheck {
  /** What the contract asks and the verifier does not do, a sentence each; empty where none was seen. */
  readonly faults: readonly string[];
  /** Of the inputs, so many were proved: where it is none, little was checked. */
  readonly proved: number;
}

type Prover = Pick<Runtime, "compile">;
type Terms = { readonly threat: Threat; readonly arithmetic: Arithmetic; readonly seed: number };

/**
 * Whether a verifier keeps to the contract on these inputs: a bound a row, none above what the network answers at points of the
 * set (of bounds in real arithmetic: above it by more than rounding), the same verdicts in any batch, and no proof of ties and of
 * margins that rounding turns. Sampling can refute a verifier and not confirm one: a false bound that no point shows stays unseen.
 *
 * @param batch inputs that the network answers as they are labelled
 * @throws what the verifier throws, as where it does not apply
 */
export async function checkVerifier(
  verifier: Verifier,
  { network, runtime }: { readonly network: Network; readonly runtime: Prover },
  batch: Batch,
  { threat, arithmetic = "float32", seed = 0 }: Partial<Terms> & Pick<Terms, "threat">,
): Promise<VerifierCheck> {
  const terms: Terms = { threat, arithmetic, seed };
  const queries = classification(network, batch, threat);
  const { count, spec } = queries;
  const proof = await proofOf(verifier, network, runtime, queries, terms);
  if (proof.lower.length !== count * spec.size) {
    const rows = `${count} inputs of ${spec.size} rows`;
    return { faults: [`${proof.lower.length} bounds for ${rows}: there must be one a row`], proved: 0 };
  }
  const faults = proof.arithmetic === arithmetic ? [] : [`asked for ${arithmetic}, it says ${proof.arithmetic}`];
  faults.push(...(await refuted(network, runtime, batch, queries, proof, terms)));
  faults.push(...(await dependent(verifier, network, runtime, batch, proof, terms)));
  for (const { name, graph } of arithmetic === "float32" ? TRAPS : []) {
    const trap = networkOf(graph(), name);
    const wrong = await trapped(verifier, trap, runtime, terms).catch((error: unknown) => {
      // a verifier need not know the operators of a trap
      if ((error as { readonly fault?: unknown }).fault === "not-applicable") return false;
      throw error;
    });
    if (wrong) faults.push(`it proves ${name}`);
  }
  return { faults, proved: verdictsOf(queries, proof).filter(isProof).length };
}

const isProof = ({ kind }: Verdict): boolean => kind !== "unknown";
const verdictsOf = (queries: Queries, proof: Proof): Verdict[] =>
  Array.from({ length: queries.count }, (_, i) => verdictOf(queries, proof, i));

async function proofOf(
  verifier: Verifier,
  network: Network,
  runtime: Prover,
  queries: Queries,
  { threat, arithmetic }: Terms,
): Promise<Proof> {
  await using prepared = await verifier.prepare(network, runtime, { norm: threat.norm, arithmetic });
  // awaited here: what is prepared is given back when this function ends
  return await prepared.bounds(queries);
}

/** The network's answers, [n · classes]. */
async function answers({ graph, input }: Network, runtime: Prover, points: Float32Array, count: number) {
  await using session = await runtime.compile(graph, { float: "float32" });
  const shape = [count, ...(input.shape.slice(1) as number[])];
  const { logits } = await session.run({ [input.name]: { dtype: "float", shape, data: points } });
  return logits!.data as Float32Array;
}

/** Bounds that a point of the set lies below, and points that are no numbers though all is said to be proved. */
async function refuted(
  network: Network,
  runtime: Prover,
  { images, labels }: Batch,
  { spec }: Queries,
  { lower, arithmetic }: Proof,
  { threat, seed }: Terms,
): Promise<string[]> {
  const ball = ballOf(threat);
  const size = images.data.length / labels.length;
  const { thresholds: _, ...rows } = spec;
  const faults: string[] = [];
  for (const [i] of labels.entries()) {
    const random = rng(seed).split(`input/${i}`);
    const centre = Float32Array.from(images.data.subarray(i * size, (i + 1) * size));
    const corner = (k: number) => {
      const gradient = new Float64Array(size);
      random.split(`corner/${k}`).fillNormal(gradient, 0, 1);
      return ball.linearMaximum(centre, Float32Array.from(gradient));
    };
    const points = [
      centre,
      ...Array.from({ length: CORNERS }, (_, k) => corner(k)),
      ...Array.from({ length: RANDOM }, (_, k) => ball.randomStart(centre, random.split(`point/${k}`))),
    ];
    const all = Float32Array.from({ length: points.length * size }, (_, k) => points[Math.floor(k / size)]![k % size]!);
    const logits = await answers(network, runtime, all, points.length);
    const bounds = lower.subarray(i * spec.size, (i + 1) * spec.size);
    const below = points.flatMap((_, k) => {
      const own = logits.subarray(k * network.classes, (k + 1) * network.classes);
      return Array.from(bounds, (bound, r) => ({ bound, r, value: excessOf(rows, i, r, own) })).filter(
        ({ bound, value }) => !(bound <= value + (arithmetic === "real" ? slack(value) : 0)) && !Number.isNaN(bound),
      );
    });
    const [first] = below;
    if (first)
      faults.push(
        `row ${first.r} of input ${i} is bounded by ${first.bound}, and is ${first.value} at a point of the set`,
      );
  }
  return faults;
}

const slack = (value: number): number => LAST_DIGITS * (1 + Math.abs(value));

/** What is said otherwise of an input that comes first, or last. */
async function dependent(
  verifier: Verifier,
  network: Network,
  runtime: Prover,
  batch: Batch,
  proof: Proof,
  terms: Terms,
): Promise<string[]> {
  const count = batch.labels.length;
  const queries = classification(network, batch, terms.threat);
  const before = verdictsOf(queries, proof);
  const orders = [
    ["in another order", Array.from({ length: count }, (_, i) => count - 1 - i)],
    ["alone", [0]],
  ] as const;
  const faults: string[] = [];
  for (const [how, places] of orders) {
    const own = classification(network, at(batch, places), terms.threat);
    const again = verdictsOf(own, await proofOf(verifier, network, runtime, own, terms));
    const place = places.find((i, k) => {
      const [one, other] = [before[i]!, again[k]!];
      const near = one.margin === other.margin || Math.abs(one.margin - other.margin) <= slack(one.margin);
      return one.kind !== other.kind || !near;
    });
    if (place !== undefined)
      faults.push(`input ${place} gets another answer ${how}: bounds must not depend on the batch`);
  }
  return faults;
}

function at({ images, labels }: Batch, places: readonly number[]): Batch {
  const size = images.data.length / labels.length;
  const data = Float32Array.from({ length: places.length * size }, (_, k) => {
    return images.data[places[Math.floor(k / size)]! * size + (k % size)] as number;
  });
  return {
    images: { dtype: "float", shape: [places.length, ...images.shape.slice(1)], data },
    labels: Int32Array.from(places, (i) => labels[i]!),
  };
}

// ---------------------------------------------------------------- traps

const numbers = (b: Builder, shape: readonly number[], values: readonly number[]) =>
  b.constant(floatTensor(shape, values));

/** Two scores made of one number. */
function scores(margin: (b: Builder, x: Value) => Value) {
  const b = builder();
  const x = b.input("x", ["N", 1]);
  const both = b.emit("MatMul", [margin(b, x), numbers(b, [1, 2], [1, 0])]);
  return makeGraph([x], [{ name: "logits", value: both }]);
}

/** Networks whose answer at 1 is a tie or wrong in float32. */
const TRAPS = [
  { name: "a tie", graph: () => scores((b, x) => b.emit("Sub", [x, x])) },
  {
    // at 1: 2²⁴ + 1 is rounded to 2²⁴, so that what is ½ over the reals is −½
    name: "a margin that rounding turns",
    graph: () =>
      scores((b, x) => {
        const large = b.emit("MatMul", [x, numbers(b, [1, 1], [2 ** 24])]);
        const lost = b.emit("Sub", [b.emit("Add", [large, numbers(b, [1], [1])]), large]);
        return b.emit("Sub", [lost, numbers(b, [1], [0.5])]);
      }),
  },
] as const;

/** Whether it proves class 0 at the one point where the network does not answer it. */
async function trapped(verifier: Verifier, trap: Network, runtime: Prover, terms: Terms): Promise<boolean> {
  const images = { dtype: "float", shape: [1, 1], data: Float32Array.of(1) } as const;
  const batch: Batch = { images, labels: Int32Array.of(0) };
  const threat: Threat = { norm: terms.threat.norm, epsilon: 0, domain: undefined };
  const queries = classification(trap, batch, threat);
  const [verdict] = verdictsOf(queries, await proofOf(verifier, trap, runtime, queries, { ...terms, threat }));
  const logits = await answers(trap, runtime, images.data, 1);
  return isProof(verdict!) && logits[0]! <= logits[1]!;
}
