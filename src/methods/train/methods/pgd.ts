import { z } from "zod";
import { ascent, type PointLoss } from "../adversary.ts";
import { crossEntropy } from "../losses.ts";
import { natural, radius, ramp } from "../options.ts";
import { rampFactor } from "../schedules.ts";
import { defineTrainingMethod } from "../types.ts";

const loss: PointLoss = (b, network, { points, target }) => crossEntropy(b, network.logits(points), target);

/** How far all steps together could go, in radii. */
const REACH = 2.5;

export const pgd = defineTrainingMethod({
  id: "pgd",
  // 2: the points lie exactly in the set; 3: those of linf are rounded as the runtime does
  version: 3,
  title: "Adversarial training (PGD)",
  summary: "Lowers the loss where projected gradient steps found it large, in the ball around each image.",
  source: "Madry et al. 2018, arXiv:1706.06083",
  options: z.strictObject({
    norm: z.enum(["linf", "l2"]).default("linf").describe("of the ball"),
    epsilon: radius.describe("radius of the ball"),
    steps: natural.default(7).describe("gradient steps"),
    stepSize: radius.optional().describe("length of a step; 2.5·epsilon / steps where it is not stated"),
    restarts: natural.default(1).describe("attacks of which the worst point is taken"),
    randomStart: z.boolean().default(true).describe("begin at a random point of the ball, else at the image"),
    ramp: ramp.optional().describe("epochs in which epsilon grows from 0"),
  }),
  objective: ({ epsilon, ramp, stepSize, ...options }) => ({
    loss,
    at: (epoch) => ({ epsilon: epsilon * (ramp ? rampFactor(ramp, epoch) : 1) }),
    adversary: ascent(loss, {
      ...options,
      relativeStep: stepSize === undefined ? REACH / options.steps : stepSize / epsilon,
    }),
  }),
});
