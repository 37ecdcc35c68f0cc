import { type Ball, ballsOf, stepUphill } from "../../spec/ball.ts";
import { timeOf } from "../time.ts";
import { lossGradientIfAny } from "./loss-gradient.ts";
import { type Here, type Search, startSearch, streamOf, withoutSlopes } from "./search.ts";
import { squaresOnDemand } from "./square.ts";
import { type AttackLoss, attackLoss, defineAttack } from "./types.ts";

/** How far all steps together could go, in radii: enough to cross the ball and come back. */
const REACH = 2.5;

const ID = "pgd";

const BY_STEPS = `${REACH} / steps`;

/**
 * Steps uphill, each projected back onto the set. The first restart starts where FGSM ends, so that PGD finds whatever
 * FGSM finds; the others start at random points of the ball. Inputs that are fooled leave the batch. Where the gradient is
 * exactly 0 throughout, square search takes its place.
 *
 * @source Madry et al. 2018, arXiv:1706.06083
 */
export const pgd = defineAttack({
  id: ID,
  version: 2,
  title: "PGD",
  summary: "Many small gradient steps inside the set, with restarts: the standard strong attack.",
  source: "Madry et al. 2018, arXiv:1706.06083",
  norms: ["linf", "l2", "l1"],
  standard: true,
  settings: { steps: 40, restarts: 1, loss: "margin" as AttackLoss, relativeStep: BY_STEPS as string | number },
  options: (z) => ({
    steps: z.int().min(1).describe("gradient steps a restart"),
    restarts: z.int().min(1).describe("restarts: the first at the input and FGSM's point, the others at random"),
    loss: attackLoss(z),
    relativeStep: z.literal(BY_STEPS).or(z.number().positive()).describe("length of a step, in radii of the set"),
  }),
  // beside proofs it need only tell what is broken from what is unknown
  quick: { steps: 20, restarts: 1 },
  inAudits: { restarts: 2 },
  async prepare(network, runtime, options) {
    const { threat, seed, memoryBudget, signal, steps, restarts, loss } = options;
    const relativeStep = typeof options.relativeStep === "number" ? options.relativeStep : REACH / steps;
    const lossGradient = await lossGradientIfAny(network, runtime, loss, memoryBudget);
    const squares = squaresOnDemand(network, runtime, options);
    return {
      async attack(batch, left, tell) {
        if (!lossGradient) return squares(batch, left, tell);
        const balls = ballsOf(threat, batch);
        const search = startSearch(lossGradient, batch, network.classes, timeOf(left));
        for (let restart = 0; restart < restarts && search.goesOn(); restart++) {
          const random = (i: number) =>
            balls(i).randomStart(search.centre(i), streamOf(seed, network.hash, ID, batch.indices[i]!, restart));
          let here =
            restart === 0
              ? await fromCentre(search, balls)
              : await search.visit(new Map(search.open().map((i) => [i, random(i)])));
          for (let step = 0; step < steps && here.length > 0 && search.goesOn(); step++) {
            signal?.throwIfAborted();
            tell?.(restart * steps + step, restarts * steps);
            here = await search.visit(
              new Map(
                here.map(({ i, centre, point, direction }) => {
                  const ball = balls(i);
                  return [i, stepUphill(ball, centre, point, direction, ball.threat.epsilon * relativeStep)];
                }),
              ),
            );
          }
        }
        return withoutSlopes(batch, search.attempts, (others) => squares(others, left));
      },
      [Symbol.asyncDispose]: async () => {},
    };
  },
});

/** The input itself, then FGSM's point. */
async function fromCentre(search: Search, balls: (i: number) => Ball): Promise<readonly Here[]> {
  const here = await search.visit(new Map(search.open().map((i) => [i, search.centre(i)])));
  return search.visit(new Map(here.map(({ i, centre, direction }) => [i, balls(i).linearMaximum(centre, direction)])));
}
