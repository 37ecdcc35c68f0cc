/** @file An attack of one's own, that makes digits brighter or darker, takes part in an audit like the listed ones. */

import {
  type AttackBatch,
  type Attempt,
  attackOf,
  auditFile,
  ballOf,
  defineAttack,
  float32Tensor,
  type Network,
  type Runtime,
  reportOf,
} from "assay";

export const brightness = defineAttack({
  id: "brightness",
  version: 1,
  title: "Brightness",
  summary: "Adds one number to all pixels.",
  source: "examples/own-attack.ts",
  norms: ["linf"],
  settings: { shades: 4 },
  options: (z) => ({ shades: z.int().min(1).describe("how many steps brighter, and as many darker") }),
  async prepare(network, runtime, { threat, shades }) {
    const logitsOf = await answersOf(network, runtime);
    const ball = ballOf(threat);
    const steps = Array.from({ length: shades }, (_, k) => (threat.epsilon * (k + 1)) / shades);
    return {
      byGradient: false,
      async attack({ images, labels }: AttackBatch) {
        const size = images.data.length / labels.length;
        const attempts: Attempt[] = [];
        for (const [i, label] of labels.entries()) {
          const centre = Float32Array.from(images.data.subarray(i * size, (i + 1) * size));
          const moved = (step: number) => Float64Array.from(centre, (pixel) => pixel + step);
          const points = steps.flatMap((step) =>
            [moved(step), moved(-step)].map((point) => ball.project(point, centre)),
          );
          attempts.push(worst(points, await logitsOf(points), label));
        }
        return attempts;
      },
      [Symbol.asyncDispose]: async () => {},
    };
  },
});

/** The network's logits, one array a point. */
async function answersOf({ graph, input, classes }: Network, runtime: Pick<Runtime, "compile">) {
  const session = await runtime.compile(graph, { float: "float32" });
  return async (points: readonly Float32Array[]): Promise<Float32Array[]> => {
    const [, ...shape] = input.shape as readonly number[];
    const all = float32Tensor([points.length, ...shape], Float32Array.from(points.flatMap((point) => [...point])));
    const { logits } = await session.run({ [input.name]: all });
    return points.map((_, k) => logits!.data.slice(k * classes, (k + 1) * classes) as Float32Array);
  };
}

/** The point where the label's logit leads the others by least. */
function worst(points: readonly Float32Array[], logits: readonly Float32Array[], label: number): Attempt {
  const margins = logits.map((own) => own[label]! - Math.max(...own.filter((_, k) => k !== label)));
  const margin = Math.min(...margins);
  const adversarial = points[margins.indexOf(margin)]!;
  return { success: margin <= 0, adversarial, margin, queries: points.length, flat: false };
}

const audited = await auditFile("zoo/mnist-mlp.onnx", {
  data: "mnist",
  limit: 30,
  epsilons: [0.05],
  budget: 120,
  detectors: [], // no search for backdoors: this is about attacks
  attacks: [brightness.with({ shades: 2 }), attackOf("pgd")],
});
const report = reportOf(audited, { created: "2026-01-01T00:00:00Z", command: "examples/own-attack.ts" });
for (const { method, options, counts } of report.runs.filter(({ purpose }) => purpose === "attack"))
  console.log(method, options, `${counts["falsified"]} of ${counts["inputs"]} falsified`);
