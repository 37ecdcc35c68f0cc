type Point = readonly number[];

/** Sizes of the first simplex's edges: a share of a coordinate, or this much of one that is zero. */
const EDGE_SHARE = 0.05;
const EDGE_FROM_ZERO = 0.00025;
/** It ends when the simplex and the values on it differ by no more than this, or after so many evaluations a dimension. */
const TOLERANCE = 1e-4;
const EVALUATIONS = 200;

/**
 * The simplex method, without derivatives: where it ends is near a local minimum, not at it. First simplex, coefficients
 * (1, 2, ½, ½) and end are those of SciPy's `fmin`, so that fits made there can be repeated.
 *
 * @param f may return +∞ outside its domain
 * @source Nelder and Mead 1965, The Computer Journal 7(4)
 */
export function nelderMead(f: (x: Point) => number, start: Point): { readonly x: Point; readonly value: number } {
  let evaluations = 0;
  const at = (x: Point) => {
    evaluations++;
    return { x, value: f(x) };
  };
  const most = EVALUATIONS * start.length;
  const edge = (k: number) => start.map((v, i) => (i !== k ? v : v === 0 ? EDGE_FROM_ZERO : (1 + EDGE_SHARE) * v));
  let simplex = [at(start), ...start.map((_, k) => at(edge(k)))];
  for (let iteration = 1; ; iteration++) {
    simplex.sort((p, q) => p.value - q.value);
    const [best, worst, second] = [simplex[0]!, simplex.at(-1)!, simplex.at(-2)!];
    const spread = Math.max(...simplex.flatMap(({ x }) => x.map((v, i) => Math.abs(v - best.x[i]!))));
    const flat = Math.max(...simplex.map(({ value }) => Math.abs(value - best.value)));
    if ((spread <= TOLERANCE && flat <= TOLERANCE) || evaluations >= most || iteration >= most) return best;

    const others = simplex.slice(0, -1);
    const centre = start.map((_, i) => others.reduce((sum, { x }) => sum + x[i]!, 0) / others.length);
    /** On the line from the worst corner through the centre; 1 is its mirror image. */
    const along = (step: number) => at(centre.map((c, i) => (1 + step) * c - step * worst.x[i]!));
    const reflected = along(1);
    let next: typeof best | undefined;
    if (reflected.value < best.value) {
      const expanded = along(2);
      next = expanded.value < reflected.value ? expanded : reflected;
    } else if (reflected.value < second.value) next = reflected;
    else if (reflected.value < worst.value) {
      const outside = along(0.5);
      if (outside.value <= reflected.value) next = outside;
    } else {
      const inside = along(-0.5);
      if (inside.value < worst.value) next = inside;
    }
    simplex = next
      ? [...others, next]
      : [best, ...simplex.slice(1).map(({ x }) => at(x.map((v, i) => (v + best.x[i]!) / 2)))];
  }
}
