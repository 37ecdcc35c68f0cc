/**
 * @file Rounding of ONNX Runtime's element-wise float32 kernels on the CPU, in units of u = 2⁻²⁴.
 *
 * Kernels approximate by polynomials of their own and clamp their tails, so their error is measured, not derived: the
 * largest seen against float64 over dense grids of the whole range (150,000 to 600,000 points an op, ONNX Runtime 1.30,
 * x86-64), times at least four. The contract suite measures again. The tails of a box count as `absolute`.
 */

/** error ≤ ulps·u·|result| + absolute·u */
const error = (ulps: number, absolute = 0) => ({ kind: "elementwise", ulps, absolute }) as const;

export const KERNEL = {
  /** IEEE 754: correctly rounded, 1. */
  Sqrt: error(2),
  /** Seen: 1.0. */
  Reciprocal: error(4),
  /** Seen: 1.21 where the result is a normal number. */
  Exp: error(5),
  /** Seen: 4.21, at x = 0.707. */
  Log: error(17),
  /** Seen: 2.67 up to |x| = 10⁸. */
  Sin: error(11),
  /** Seen: 2.56 up to |x| = 10⁸. */
  Cos: error(11),
  /** Seen: 7.75, at x = −0.5006. */
  Asin: error(32),
  /** Seen: 4.05, at x = −1.0012. */
  Atan: error(17),
  /** Seen: 1.94 for exponents −2 to 7. */
  Pow: error(8),
  /** Seen: 2.78·u in all; below −17.8 the kernel is constant. */
  Sigmoid: error(4, 12),
  /** Seen: 5.11, at x = −8.6. */
  Tanh: error(21),
  /** Seen: 4 and 0.02·u; the tail underflows to 0. */
  Softplus: error(17, 0.25),
  /** Seen: 2.22. */
  Softsign: error(9),
  /** Seen: 1.36. */
  Erf: error(6),
  /** Seen, written with Erf or Tanh: 4 and 1.4·u, or 4 and 9.7·u in the tanh form; 1 + erf cancels for x < 0. */
  Gelu: error(16, 40),
  /** Seen: 1·u for α = 1, growing with α, as eˣ − 1 cancels near 0; enough for |α| ≤ ELU_STEEPEST. */
  Elu: error(5, 40),
  /** Seen: 4 and 1·u, where x/6 + ½ cancels. */
  HardSwish: error(16, 4),
  /** Seen: 4 and 0.04·u up to 4,096 classes: the relative error grows as ln(1/y), and y·ln(1/y) ≤ 0.37. */
  Softmax: error(20, 2),
  /** Seen: 4 and 3.2·u up to 4,096 classes. */
  LogSoftmax: error(16, 16),
} as const;

/** ±π/2 in float32, just outside: what arcs of float32 lie in. */
export const QUARTER_TURN = [-Math.fround(Math.PI / 2), Math.fround(Math.PI / 2)] as const;

/** |α| up to which Elu's absolute error covers the kernel. */
export const ELU_STEEPEST = 8;
