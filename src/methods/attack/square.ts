import type { Rng } from "../../random/rng.ts";
import type { Runtime } from "../../runtime/session.ts";
import { type Ball, ballsOf } from "../../spec/ball.ts";
import type { Network } from "../network.ts";
import { type Left, type Tell, timeOf } from "../time.ts";
import { compileScores, type Scores } from "./loss-gradient.ts";
import { type Search, startSearch, streamOf } from "./search.ts";
import { type AttackBatch, type AttackTerms, type Attempt, defineAttack } from "./types.ts";

const ID = "square";

const STANDARD = { steps: 500, restarts: 1 };

/** Corners and random points that are looked at first. */
const CORNERS = 12;
const INSIDE = 6;

/** Share of a picture that a square covers at first, and the shares of all tries after which it is halved. */
const FIRST_SHARE = 0.3;
const HALVINGS = [0.01, 0.03, 0.08, 0.18, 0.35, 0.6] as const;

/**
 * Random search without gradients: corners and random points of the set, then random squares of the best one are moved as
 * far as the set allows, in one direction a channel, and kept where the margin falls.
 *
 * In linf this is the paper's step. In l2 and l1 a square is moved by a random length and the point projected on the set,
 * where the paper moves mass between windows.
 *
 * @source Andriushchenko, Croce, Flammarion and Hein 2020, arXiv:1912.00049
 */
export const square = defineAttack({
  id: ID,
  version: 1,
  title: "Square search",
  summary: "Random search without gradients: for networks whose gradient is zero or misleading.",
  source: "Andriushchenko et al. 2020, arXiv:1912.00049",
  norms: ["linf", "l2", "l1"],
  settings: STANDARD,
  options: (z) => ({
    steps: z.int().min(1).describe("squares that are tried, after the first points"),
    restarts: z.int().min(1).describe("restarts"),
  }),
  async prepare(network, runtime, options) {
    const scores = await compileScores(network, runtime, options.memoryBudget);
    return {
      byGradient: false,
      attack: (batch, left, tell) => searchSquares(network, scores, batch, options, left, tell),
      [Symbol.asyncDispose]: async () => {},
    };
  },
});

/** For attacks whose gradient says nothing: the network is compiled when it is first needed. */
export function squaresOnDemand(network: Network, runtime: Pick<Runtime, "compile">, options: AttackTerms) {
  let scores: Promise<Scores> | undefined;
  return async (batch: AttackBatch, left?: Left, tell?: Tell): Promise<readonly Attempt[]> => {
    scores ??= compileScores(network, runtime, options.memoryBudget);
    return searchSquares(network, await scores, batch, { ...options, ...STANDARD }, left, tell);
  };
}

async function searchSquares(
  network: Network,
  scores: Scores,
  batch: AttackBatch,
  { threat, seed, steps, restarts, signal }: AttackTerms & typeof STANDARD,
  left?: Left,
  tell?: Tell,
): Promise<readonly Attempt[]> {
  const balls = ballsOf(threat, batch);
  const search = startSearch(scores, batch, network.classes, timeOf(left));
  const sample = network.input.shape.slice(1) as readonly number[];
  for (let restart = 0; restart < restarts && search.goesOn(); restart++) {
    const streams = Array.from(batch.labels, (_, i) => streamOf(seed, network.hash, ID, batch.indices[i]!, restart));
    for (let k = 0; k < CORNERS + INSIDE + 1 && search.goesOn(); k++)
      await search.visit(new Map(search.open().map((i) => [i, startOf(k, search, i, balls(i), streams[i]!)])));
    for (let step = 0; step < steps && search.open().length > 0 && search.goesOn(); step++) {
      signal?.throwIfAborted();
      tell?.(restart * steps + step, restarts * steps);
      const share = FIRST_SHARE / 2 ** HALVINGS.filter((after) => step >= after * steps).length;
      const moved = (i: number) => moveSquare(search, i, balls(i), sample, share, streams[i]!);
      await search.visit(new Map(search.open().map((i) => [i, moved(i)])));
    }
  }
  return search.attempts;
}

/** The input itself, the corners with all and with no pixels raised, random corners, random points. */
function startOf(k: number, search: Search, i: number, ball: Ball, random: Rng): Float32Array {
  const centre = search.centre(i);
  if (k === 0) return centre;
  if (k > CORNERS) return ball.randomStart(centre, random);
  return ball.linearMaximum(
    centre,
    centre.map(() => (k === 1 ? 1 : k === 2 ? -1 : sign(random))),
  );
}

const sign = (random: Rng): 1 | -1 => (random.uniform() < 0.5 ? -1 : 1);

/** The best point so far with one window moved; inputs that are not pictures are one row. */
function moveSquare(
  { attempts, centre }: Search,
  i: number,
  ball: Ball,
  sample: readonly number[],
  share: number,
  random: Rng,
): Float32Array {
  const { epsilon, norm } = ball.threat;
  const point = Float64Array.from(attempts[i]!.adversarial);
  const [channels, height, width] = windowsOf(sample, point.length);
  const side = (size: number, other: number) =>
    Math.max(1, Math.min(size, Math.round(other === 1 ? share * size : Math.sqrt(share * size * other))));
  const [h, w] = [side(height, width), side(width, height)];
  const [top, left] = [random.int(height - h + 1), random.int(width - w + 1)];
  const each = norm === "linf" ? 2 * epsilon : epsilon * 2 * random.uniform();
  const length = norm === "linf" ? 1 : norm === "l2" ? Math.sqrt(channels * h * w) : channels * h * w;
  for (let channel = 0; channel < channels; channel++) {
    const by = (sign(random) * each) / length;
    for (let y = top; y < top + h; y++)
      for (let x = left; x < left + w; x++) point[(channel * height + y) * width + x]! += by;
  }
  return ball.project(point, centre(i));
}

function windowsOf(
  sample: readonly number[],
  size: number,
): readonly [channels: number, height: number, width: number] {
  if (sample.length < 2) return [1, 1, size];
  const [height, width] = sample.slice(-2) as [number, number];
  return [size / (height * width), height, width];
}
