/**
 * @file Rounding of ONNX Runtime's element-wise float32 kernels (MLAS, x86-64), in units of u = 2⁻²⁴.
 */

/** error ≤ ulps·u·|result| + absolute·u */
const error = (ulps: number, absolute = 0) => ({ kind: "elementwise", ulps, absolute }) as const;

export const KERNEL = {
  Sqrt: error(2),
  Reciprocal: error(2),
  Exp: error(16, 1),
  Log: error(16, 1),
  Sin: error(16, 16),
  Cos: error(16, 16),
  Pow: error(16, 1),
  Sigmoid: error(16, 4),
  Tanh: error(16, 4),
  Softplus: error(16, 4),
  Softsign: error(8),
  Erf: error(16, 4),
  Gelu: error(16, 4),
  Elu: error(16, 4),
  HardSwish: error(8, 0),
  Softmax: error(256, 1),
  LogSoftmax: error(64, 64),
} as const;
