/**
 * @file The tightest bounds without a case distinction: CROWN, then layer after layer the boxes of undecided neurons by lines
 * of their own, then the rows.
 *
 * A neuron's bound with lines chosen for it alone is at least as tight as with lines chosen for the rows: the boxes found
 * so never cost anything in the rows.
 *
 * @source Xu et al. 2021, arXiv:2011.13824 (α-CROWN), which chooses all lines for the rows
 */

import type { Graph } from "../../graph/types.ts";
import { MemoryError } from "../../runtime/memory.ts";
import type { Runtime } from "../../runtime/session.ts";
import { disjunctsOf, sliceQueries } from "../../spec/queries.ts";
import type { Queries } from "../../spec/types.ts";
import type { Shortfall } from "../../spec/verdict.ts";
import { timeOf } from "../time.ts";
import { type Ascended, type Ascent, type AscentSettings, ascentOf } from "./ascent.ts";
import { type Boundable, boundable, upToLayer } from "./boundable.ts";
import { crownBounder } from "./crown.ts";
import { ownRows, repeatedBox, withRows } from "./row-queries.ts";
import type { Bounder, LayerBox, VerifyOptions } from "./types.ts";
import { LATE } from "./whole.ts";

export interface TightenSettings extends AscentSettings {
  /** So many neurons of a layer get lines of their own: those that are furthest from decided. */
  readonly neurons: number;
}

/** What is known of one query. */
export interface Tight {
  /** [S] */
  readonly lower: Float64Array;
  /** Of every layer; empty where time ended before they were known. */
  readonly boxes: readonly LayerBox[];
  /** The rows that CROWN left open, and what was found of them. */
  readonly rows: readonly number[];
  readonly found?: Ascended;
  readonly reason?: Shortfall | undefined;
}

export interface Tightener extends AsyncDisposable {
  readonly net: Boundable;
  readonly bounder: Bounder;
  readonly ascent: Ascent;
  /** @param left seconds */
  tighten(queries: Queries, i: number, settings: TightenSettings, left?: () => number): Promise<Tight>;
}

/** @throws MemoryError where one row does not fit; UnsupportedReading naming the node that cannot be bounded */
export async function tightenerOf(
  graph: Graph,
  runtime: Pick<Runtime, "compile">,
  options: VerifyOptions & { readonly rows?: number },
): Promise<Tightener> {
  const net = boundable(graph, options.arithmetic ?? "float32");
  const bounder = await crownBounder(graph, runtime, options);
  const ascent = await ascentOf(net, runtime, options);
  const layers = layerAscents(net, runtime, options);
  return {
    net,
    bounder,
    ascent,
    tighten: (queries, i, settings, left) => tighten({ net, bounder, ascent, layers }, queries, i, settings, left),
    async [Symbol.asyncDispose]() {
      await bounder[Symbol.asyncDispose]();
      await ascent[Symbol.asyncDispose]();
      await layers.dispose();
    },
  };
}

interface Parts {
  readonly net: Boundable;
  readonly bounder: Bounder;
  readonly ascent: Ascent;
  readonly layers: LayerAscents;
}

interface LayerAscent {
  readonly ascent: Ascent;
  /** The layers of the whole network that it takes the boxes of. */
  readonly layers: readonly number[];
}

interface LayerAscents {
  /** Undefined where no line is chosen before a layer, or where a row does not fit the memory. */
  of(layer: number): Promise<LayerAscent | undefined>;
  dispose(): Promise<void>;
}

function layerAscents(net: Boundable, runtime: Pick<Runtime, "compile">, options: VerifyOptions): LayerAscents {
  const made = new Map<number, Promise<LayerAscent | undefined>>();
  const make = async (layer: number): Promise<LayerAscent | undefined> => {
    const { part, layers } = upToLayer(net, layer);
    if (layers.length === 0) return undefined;
    try {
      return { ascent: await ascentOf(part, runtime, options), layers };
    } catch (error) {
      if (error instanceof MemoryError) return undefined;
      throw error;
    }
  };
  return {
    of(layer) {
      const known = made.get(layer) ?? make(layer);
      made.set(layer, known);
      return known;
    },
    async dispose() {
      for (const one of await Promise.all(made.values())) await one?.ascent[Symbol.asyncDispose]();
    },
  };
}

/** Share of the time that is kept for the rows: layers that are not tightened by then keep CROWN's boxes. */
const KEPT_FOR_ROWS = 0.5;

async function tighten(
  { net, bounder, ascent, layers }: Parts,
  all: Queries,
  i: number,
  settings: TightenSettings,
  left?: () => number,
): Promise<Tight> {
  const query = sliceQueries(all, i, i + 1);
  const time = timeOf(left);
  const crown = await bounder.bounds(query, {}, left);
  const reason = crown.reasons?.[0];
  const rows = openRows(query, crown.lower);
  if (rows.length === 0 || crown.boxes.length === 0)
    return { lower: crown.lower, boxes: crown.boxes, rows: [], reason };
  let boxes: readonly LayerBox[] = crown.boxes;
  let late = false;
  const { lower } = crown;
  for (let layer = 0; layer < net.operands.length && settings.steps > 0; layer++) {
    if (!time.fits(KEPT_FOR_ROWS)) {
      late = true;
      break;
    }
    const own = await layers.of(layer);
    const better = own && (await tightenLayer(query, boxes, layer, own, settings, time));
    if (!better) continue;
    late ||= better.late;
    // what comes behind follows from the tighter boxes
    const known = new Map(boxes.map((box, k): [number, LayerBox] => [k, k === layer ? better.box : box]));
    const behind = new Map([...known].filter(([k]) => k <= layer));
    const next = await bounder.bounds(query, { boxes: behind }, left);
    boxes = next.boxes.length > 0 ? next.boxes.map((box, k) => within(box, known.get(k)!)) : [...known.values()];
    for (const [r, bound] of next.lower.entries()) lower[r] = Math.max(lower[r]!, bound);
  }
  const open = openRows(query, lower);
  if (open.length === 0) return { lower, boxes, rows: [] };
  const problem = {
    queries: ownRows(query, 0, open),
    boxes: boxes.map((box) => repeatedBox(box, open.length)),
  };
  const found = await ascent.ascend(problem, settings, time);
  for (const [k, row] of open.entries()) lower[row] = Math.max(lower[row]!, found.lower[k]!);
  const cut = late || found.late;
  return { lower, boxes, rows: open, found, reason: cut && openRows(query, lower).length > 0 ? LATE : reason };
}

/** Rows of disjuncts that no row of theirs proves yet. */
function openRows(query: Queries, lower: ArrayLike<number>): number[] {
  const { spec } = query;
  const open: number[] = [];
  let row = 0;
  for (const size of disjunctsOf(spec)) {
    const own = Array.from({ length: size }, (_, k) => row + k);
    const clears = (r: number) => lower[r]! - (spec.thresholds?.[r] ?? 0) > (spec.clearance ?? 0);
    if (!own.some(clears)) open.push(...own);
    row += size;
  }
  return open;
}

/** Both hold. */
function within(box: LayerBox, known: LayerBox): LayerBox {
  return {
    lower: box.lower.map((end, k) => Math.max(end, known.lower[k]!)),
    upper: box.upper.map((end, k) => Math.min(end, known.upper[k]!)),
  };
}

/** The box of a layer with the neurons that are furthest from decided bounded by lines of their own; undefined where none is. */
async function tightenLayer(
  query: Queries,
  boxes: readonly LayerBox[],
  layer: number,
  { ascent, layers }: LayerAscent,
  settings: TightenSettings,
  time: ReturnType<typeof timeOf>,
): Promise<{ readonly box: LayerBox; readonly late: boolean } | undefined> {
  const box = { lower: boxes[layer]!.lower.slice(), upper: boxes[layer]!.upper.slice() };
  const size = box.lower.length;
  const width = (k: number) => Math.min(box.upper[k]!, -box.lower[k]!);
  const chosen = Array.from({ length: size }, (_, k) => k)
    .filter((k) => width(k) > 0)
    .sort((x, y) => width(y) - width(x))
    .slice(0, settings.neurons);
  const atOnce = Math.max(1, Math.floor(ascent.atOnce / 2));
  let late = false;
  for (let from = 0; from < chosen.length; from += atOnce) {
    late ||= !time.fits(KEPT_FOR_ROWS);
    if (late) break;
    const part = chosen.slice(from, from + atOnce);
    const matrix = new Float32Array(2 * part.length * size);
    for (const [r, k] of part.entries()) {
      matrix[2 * r * size + k] = 1;
      matrix[(2 * r + 1) * size + k] = -1;
    }
    const problem = {
      queries: withRows(query, 0, matrix, size),
      boxes: layers.map((k) => repeatedBox(boxes[k]!, 2 * part.length)),
    };
    const { lower, late: cut } = await ascent.ascend(problem, { ...settings, onwards: true }, time);
    late = cut;
    for (const [r, k] of part.entries()) {
      box.lower[k] = Math.max(box.lower[k]!, lower[2 * r]!);
      box.upper[k] = Math.min(box.upper[k]!, -lower[2 * r + 1]!);
    }
  }
  return chosen.length > 0 ? { box, late } : undefined;
}
