/** @file The runs of staged CROWN: stage after stage, as many images, or rows, at a time as fit. */

import { float32Tensor } from "../../graph/tensor.ts";
import type { Tensor } from "../../graph/types.ts";
import { rowsOf, sliceQueries } from "../../spec/queries.ts";
import type { FloatArray, Queries } from "../../spec/types.ts";
import type { Shortfall } from "../../spec/verdict.ts";
import type { Network } from "../network.ts";
import { boxNames } from "./bound-graphs.ts";
import { SPEC, setFeeds } from "./input-set.ts";
import { boundInRows } from "./one-graph.ts";
import type { LayerBox, LayerPlan, Stage, StagedBounds, StagedOptions } from "./staged.ts";

export async function runStages(
  plan: readonly LayerPlan[],
  last: Stage,
  sizes: readonly number[],
  network: Network,
  options: StagedOptions,
  queries: Queries,
  given: ReadonlyMap<number, LayerBox> = new Map(),
): Promise<StagedBounds> {
  const run: Run = { queries, network, options, layers: [], sizes, count: queries.count };
  for (const [index, layer] of plan.entries()) {
    const known = given.get(index);
    if (known) {
      run.layers.push(known);
      continue;
    }
    const guess = await boxStage(run, layer.guess, sizes[index]!);
    run.layers.push(layer.rows ? await refineRows(run, layer.rows, layer, guess, sizes[index]!) : guess);
  }
  const per = queries.spec.size;
  const margins = allocateFloats(options, run.count * per).fill(Number.NEGATIVE_INFINITY);
  const reasons = await (last.many === "images" ? wholeMargins : marginsInRows)(run, last, margins);
  for (const image of withoutBounds(run)) margins.fill(Number.NEGATIVE_INFINITY, image * per, (image + 1) * per);
  return { margins, layers: run.layers, reasons };
}

async function wholeMargins(run: Run, stage: Stage, margins: FloatArray) {
  const { spec } = run.queries;
  await inChunks(run, stage, async (from, to, feeds) => {
    const rows = rowsOf(spec, from, to - from);
    const { margins: part } = await stage.session.run(select(stage, { ...feeds, [SPEC]: rows }));
    margins.set(part!.data, from * spec.size);
  });
  return new Array<undefined>(run.count).fill(undefined);
}

async function marginsInRows(run: Run, stage: Stage, margins: FloatArray) {
  const reasons: (Shortfall | undefined)[] = [];
  for (let image = 0; image < run.count; image++) {
    const feeds = feedsOf(run, stage, image, image + 1);
    const bound = async (rows: Tensor) => {
      run.options.signal?.throwIfAborted();
      return (await stage.session.run(select(stage, { ...feeds, [SPEC]: rows })))["margins"]!.data;
    };
    reasons.push(await boundInRows(run.queries.spec, image, stage.atOnce, { lower: margins }, bound));
  }
  return reasons;
}

/**
 * Images of which nothing is known somewhere: the network may compute what is no number there, which a later op that answers
 * within limits (a clip, a sign) would hide.
 */
const withoutBounds = ({ layers, sizes, count }: Run): number[] =>
  Array.from({ length: count }, (_, image) => image).filter((image) =>
    layers.some(({ lower, upper }, k) => {
      const [from, to] = [image * sizes[k]!, (image + 1) * sizes[k]!];
      return !lower.subarray(from, to).every(Number.isFinite) || !upper.subarray(from, to).every(Number.isFinite);
    }),
  );

interface Run {
  readonly queries: Queries;
  readonly network: Network;
  readonly options: StagedOptions;
  readonly layers: LayerBox[];
  readonly sizes: readonly number[];
  readonly count: number;
}

const allocateFloats = ({ float }: StagedOptions, size: number): FloatArray =>
  float === "float64" ? new Float64Array(size) : new Float32Array(size);

const orElse = (infinity: number) => (end: number) => (Number.isNaN(end) ? infinity : end);

async function boxStage(run: Run, stage: Stage, size: number): Promise<LayerBox> {
  const box: LayerBox = {
    lower: allocateFloats(run.options, run.count * size),
    upper: allocateFloats(run.options, run.count * size),
  };
  await inChunks(run, stage, async (from, _, feeds) => {
    const { lower, upper } = await stage.session.run(select(stage, feeds));
    // what is no number cannot be fed to the next stage
    box.lower.set(lower!.data.map(orElse(Number.NEGATIVE_INFINITY)), from * size);
    box.upper.set(upper!.data.map(orElse(Number.POSITIVE_INFINITY)), from * size);
  });
  return box;
}

/** Runs a stage over the batch, as many images at a time as fit. */
async function inChunks(
  run: Run,
  stage: Stage,
  visit: (from: number, to: number, feeds: Record<string, Tensor>) => Promise<void>,
): Promise<void> {
  for (let from = 0; from < run.count; from += stage.atOnce) {
    const to = Math.min(run.count, from + stage.atOnce);
    await visit(from, to, feedsOf(run, stage, from, to));
  }
}

function feedsOf(
  { queries, network, options, layers, sizes }: Run,
  stage: Stage,
  from: number,
  to: number,
): Record<string, Tensor> {
  const feeds = setFeeds(sliceQueries(queries, from, to), [network.input], options.float);
  for (const read of stage.reads) {
    const port = stage.session.inputs.find(({ name }) => name === boxNames(read).lower)!;
    const dims = [to - from, ...(port.shape.slice(1) as number[])];
    const part = (values: FloatArray): Tensor => ({
      dtype: "float",
      shape: dims,
      data: values.subarray(from * sizes[read]!, to * sizes[read]!),
    });
    feeds[boxNames(read).lower] = part(layers[read]!.lower);
    feeds[boxNames(read).upper] = part(layers[read]!.upper);
  }
  return feeds;
}

/** Only what the session takes: a later layer may not depend on the input directly. */
const select = ({ session }: Stage, feeds: Record<string, Tensor>): Record<string, Tensor> =>
  Object.fromEntries(session.inputs.map(({ name }) => [name, feeds[name]!]));

/** Replaces the interval bounds of the undecided neurons by backward ones, image by image. */
async function refineRows(
  run: Run,
  rows: Stage,
  { kinks, per, intersect = false }: LayerPlan,
  guess: LayerBox,
  size: number,
): Promise<LayerBox> {
  for (let image = 0; image < run.count; image++) {
    run.options.signal?.throwIfAborted();
    const lower = guess.lower.subarray(image * size, (image + 1) * size);
    const upper = guess.upper.subarray(image * size, (image + 1) * size);
    const chosen = undecided(lower, upper, kinks);
    if (chosen.length === 0) continue;
    const feeds = feedsOf(run, rows, image, image + 1);
    const bound = (asked: readonly Row[]) => boundRows(run, rows, feeds, asked, per, { lower, upper }, intersect);
    if (!kinks) {
      await bound(
        chosen.flatMap((index): Row[] => [
          { index, sign: 1 },
          { index, sign: -1 },
        ]),
      );
      continue;
    }
    // the side that is likelier to decide first; the other only where it did not
    const first = chosen.map((index): Row => ({ index, sign: lower[index]! + upper[index]! > 0 ? 1 : -1 }));
    await bound(first);
    const open = new Set(undecided(lower, upper, kinks));
    await bound(
      first
        .filter(({ index }) => open.has(index))
        .map(({ index, sign }): Row => ({ index, sign: sign === 1 ? -1 : 1 })),
    );
  }
  return guess;
}

/** One side of a neuron: +1 its lower bound, −1 its upper. */
interface Row {
  readonly index: number;
  readonly sign: 1 | -1;
}

/** Bounds the rows asked for, as many at a time as fit; `intersect` keeps the better of the old and the new bound. */
async function boundRows(
  { options }: Run,
  stage: Stage,
  feeds: Record<string, Tensor>,
  asked: readonly Row[],
  per: number,
  box: LayerBox,
  intersect: boolean,
): Promise<void> {
  for (let from = 0; from < asked.length; from += stage.atOnce) {
    options.signal?.throwIfAborted();
    const part = asked.slice(from, from + stage.atOnce);
    const found = (await stage.session.run(select(stage, { ...feeds, ...rowFeeds(part, per) })))["rows"]!.data;
    for (const [r, { index, sign }] of part.entries()) {
      const bound = sign * (Number.isNaN(found[r]!) ? Number.NEGATIVE_INFINITY : found[r]!);
      if (sign === 1) box.lower[index] = intersect ? Math.max(box.lower[index]!, bound) : bound;
      else box.upper[index] = intersect ? Math.min(box.upper[index]!, bound) : bound;
    }
  }
}

const rowFeeds = (rows: readonly Row[], per: number): Record<string, Tensor> => {
  const shape = [rows.length];
  const ints = (pick: (index: number) => number): Tensor => ({
    dtype: "int",
    shape,
    data: Int32Array.from(rows, ({ index }) => pick(index)),
  });
  return {
    indices: ints((index) => index),
    channels: ints((index) => Math.floor(index / per)),
    positions: ints((index) => index % per),
    signs: float32Tensor(
      shape,
      Float32Array.from(rows, ({ sign }) => sign),
    ),
  };
};

/** Neurons with a kink strictly inside their box; all of them where an activation bends everywhere. */
function undecided(lower: FloatArray, upper: FloatArray, kinks: readonly number[] | undefined): number[] {
  const chosen: number[] = [];
  for (let i = 0; i < lower.length; i++)
    if (!kinks || kinks.some((kink) => lower[i]! < kink && upper[i]! > kink)) chosen.push(i);
  return chosen;
}
