import { z } from "zod";
import { crossEntropy } from "../losses.ts";
import { defineTrainingMethod } from "../types.ts";

export const plain = defineTrainingMethod({
  id: "plain",
  version: 1,
  title: "Plain training",
  summary: "Lowers the loss at the images themselves.",
  source: "cross-entropy",
  options: z.strictObject({}),
  objective: () => ({
    at: () => ({}),
    loss: (b, network, { images, target }) => crossEntropy(b, network.logits(images), target),
  }),
});
