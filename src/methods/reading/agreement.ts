/** @file The check that stands before every verdict: on the points at hand, the file and its reading say the same. */

import type { Runtime } from "../../runtime/session.ts";
import type { Network } from "../network.ts";
import { type Original, representable, runFile } from "../original.ts";
import { compileReading, type Reading } from "./compare.ts";

/** The file was read otherwise than the runtime runs it: nothing that is proved of the reading holds for the file. */
export class ReadingError extends Error {
  override readonly name = "ReadingError";
  readonly fault = "unsupported";
}

export interface Agreement {
  /**
   * @param pixels [n, …input]
   * @throws ReadingError naming the operator, where file and reading differ beyond rounding
   */
  check(pixels: Float32Array): Promise<void>;
}

/** Names the operator at fault at one input; undefined where none can be told apart. */
export type Locate = (pixels: Float32Array) => Promise<string | undefined>;

export function agreementOf(
  network: Network,
  original: Original,
  runtime: Pick<Runtime, "compile">,
  locate: Locate = async () => undefined,
  memoryBudget?: number,
): Agreement {
  let reading: Promise<Reading | undefined> | undefined;
  return {
    async check(pixels) {
      // half precision rounds far more than any bound here covers: nothing is proved of it, and witnesses come from the file
      if (pixels.length === 0 || network.half !== undefined) return;
      reading ??= compileReading(network.replica, runtime, { memoryBudget });
      const compiled = await reading;
      if (!compiled) return;
      const points = asGiven(original, pixels);
      const [found] = await compiled.compare(points, [await runFile(original, points)]);
      if (!found) return;
      const size = original.shape.reduce((product, dim) => product * dim, 1);
      // that they differ is certain; where, is a help that may fail
      const place = await locate(points.slice(found.point * size, (found.point + 1) * size)).catch(() => undefined);
      const what = place === undefined ? "an operator is" : `${place} is`;
      throw new ReadingError(
        `${what} read otherwise than ONNX Runtime runs it: at one input the file answers ${digits(found.file)}, its reading ${digits(found.graph)}; nothing is said of this model. Please report it, and replace the operator until then`,
      );
    },
  };
}

const digits = (value: number): string => `${Number(value.toPrecision(7))}`;

/** The points next to these that the file can be given. */
function asGiven(original: Original, pixels: Float32Array): Float32Array {
  const size = original.shape.reduce((product, dim) => product * dim, 1);
  const points = pixels.slice();
  for (let at = 0; at < points.length; at += size) {
    const point = points.slice(at, at + size);
    points.set(representable(original, point, point)[0]!.point, at);
  }
  return points;
}
