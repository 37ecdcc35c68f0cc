/** A size: a number, the symbolic batch size N, or a multiple of it such as "9N". */
export type Dim = number | "N" | `${number}N`;
export type Shape = readonly Dim[];

/** Thrown when shapes do not fit; `node` is filled in by the builder when it knows it. */
export class ShapeError extends Error {
  override readonly name = "ShapeError";
  readonly fault = "unsupported";
}

/** How many batch sizes a dimension is: 9 for "9N", 1 for "N", undefined for a number. */
export function batchFactor(dim: Dim): number | undefined {
  if (typeof dim === "number") return undefined;
  return dim === "N" ? 1 : Number(dim.slice(0, -1));
}

export const batchDim = (factor: number): Dim => (factor === 1 ? "N" : `${factor}N`);

export const isBatched = (shape: Shape): boolean => shape.some((dim) => typeof dim !== "number");

export function multiplyDims(a: Dim, b: Dim): Dim {
  const [fa, fb] = [batchFactor(a), batchFactor(b)];
  if (fa === undefined) return fb === undefined ? (a as number) * (b as number) : batchDim((a as number) * fb);
  if (fb !== undefined) throw new ShapeError(`${a} × ${b}: a tensor has one batch axis`);
  return batchDim(fa * (b as number));
}

/** Number of elements; 1 for a scalar. */
export const elements = (shape: Shape): Dim => shape.reduce<Dim>(multiplyDims, 1);

/** `total / part` where it is a whole dimension, else undefined. */
export function divideDims(total: Dim, part: Dim): Dim | undefined {
  const [ft, fp] = [batchFactor(total), batchFactor(part)];
  if (ft === undefined && fp !== undefined) return undefined;
  const quotient = (ft ?? (total as number)) / (fp ?? (part as number));
  if (!Number.isInteger(quotient)) return undefined;
  return ft === undefined || fp !== undefined ? quotient : batchDim(quotient);
}

/** The size of a dimension at batch size n. */
export const bindDim = (dim: Dim, n: number): number => {
  const factor = batchFactor(dim);
  return factor === undefined ? (dim as number) : factor * n;
};

export const bindShape = (shape: Shape, n: number): number[] => shape.map((dim) => bindDim(dim, n));

export const sameShape = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((dim, i) => dim === b[i]);

/** A size that must be a number; `what` names it in the error. */
export function fixed(dim: Dim | undefined, what: string): number {
  if (typeof dim !== "number") throw new ShapeError(`${what} must have a fixed size, got ${dim ?? "none"}`);
  return dim;
}

/** ONNX (NumPy) broadcasting; a batch dimension broadcasts with itself and with 1. */
export function broadcastShapes(...shapes: readonly Shape[]): Shape {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, axis) => {
    let result: Dim = 1;
    for (const shape of shapes) {
      const dim = shape[axis - rank + shape.length] ?? 1;
      if (dim === 1 || dim === result) continue;
      if (result !== 1) throw new ShapeError(`shapes [${shapes.join("] and [")}] do not broadcast`);
      result = dim;
    }
    return result;
  });
}

/** Product of a concrete shape. */
export const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
