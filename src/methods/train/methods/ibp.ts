import { z } from "zod";
import { add, mul, sub } from "../../../ops/rules.ts";
import { certifiedCrossEntropy, crossEntropy, marginLowerBounds, pixelBox } from "../losses.ts";
import { radius, ramp, share } from "../options.ts";
import { kappaAt, rampFactor } from "../schedules.ts";
import { defineTrainingMethod } from "../types.ts";

/** kappa·CE + (1 − kappa)·CE of the interval bounds of the margins. */
export const ibp = defineTrainingMethod({
  id: "ibp",
  version: 1,
  title: "Interval training (IBP)",
  summary: "Lowers a bound of the loss over the whole box around each image, by interval bounds.",
  source: "Gowal et al. 2018, arXiv:1810.12715",
  options: z.strictObject({
    epsilon: radius.describe("radius of the box, linf"),
    kappa: share.default(0.5).describe("weight of the clean loss when epsilon has its full size; it falls from 1"),
    ramp: ramp.optional().describe("epochs in which epsilon grows from 0"),
  }),
  objective: ({ epsilon, kappa, ramp }) => ({
    certifiedRadius: epsilon,
    at(epoch) {
      const grown = ramp ? rampFactor(ramp, epoch) : 1;
      return { epsilon: epsilon * grown, kappa: kappaAt(kappa, grown) };
    },
    loss(b, network, { images, target }, numbers) {
      const [radius, weight] = [numbers["epsilon"]!, numbers["kappa"]!];
      const logits = network.logits(images);
      const bounds = marginLowerBounds(b, logits, target, new Map([[images, pixelBox(b, images, radius)]]));
      const certified = mul(b, certifiedCrossEntropy(b, bounds, target), sub(b, b.constant(1), weight));
      return add(b, mul(b, crossEntropy(b, logits, target), weight), certified);
    },
  }),
});
