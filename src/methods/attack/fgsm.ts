import { ballsOf } from "../../spec/ball.ts";
import { lossGradientIfAny } from "./loss-gradient.ts";
import { startSearch, withoutSlopes } from "./search.ts";
import { squaresOnDemand } from "./square.ts";
import { type AttackLoss, attackLoss, defineAttack } from "./types.ts";

/**
 * One step from the input to where its linearised loss is largest in the set: x + ε·sign ∇ in linf, x + ε·∇/‖∇‖₂ in l2,
 * the pixels with the largest gradients in l1; each within the domain.
 *
 * @source Goodfellow, Shlens and Szegedy 2015, arXiv:1412.6572
 */
export const fgsm = defineAttack({
  id: "fgsm",
  version: 2,
  title: "FGSM",
  summary: "One gradient step to the edge of the set: the fastest attack, and a weak one.",
  source: "Goodfellow et al. 2015, arXiv:1412.6572",
  norms: ["linf", "l2", "l1"],
  settings: { loss: "cross-entropy" as AttackLoss },
  options: (z) => ({ loss: attackLoss(z) }),
  async prepare(network, runtime, options) {
    const { threat, loss, memoryBudget } = options;
    const lossGradient = await lossGradientIfAny(network, runtime, loss, memoryBudget);
    const squares = squaresOnDemand(network, runtime, options);
    return {
      async attack(batch, left, tell) {
        if (!lossGradient) return squares(batch, left, tell);
        const balls = ballsOf(threat, batch);
        const search = startSearch(lossGradient, batch, network.classes);
        const here = await search.visit(new Map(search.open().map((i) => [i, search.centre(i)])));
        await search.visit(
          new Map(here.map(({ i, centre, direction }) => [i, balls(i).linearMaximum(centre, direction)])),
        );
        return withoutSlopes(batch, search.attempts, (others) => squares(others, left));
      },
      [Symbol.asyncDispose]: async () => {},
    };
  },
});
