/** @file Decimal numbers as they are written, without rounding: what a query's text says is compared exactly. */

/** n · 10^e */
export interface Decimal {
  readonly n: bigint;
  readonly e: number;
}

export const ZERO: Decimal = { n: 0n, e: 0 };

const NUMBER = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/;

/** Beyond what any float64 comes near to. */
const MAX_EXPONENT = 2000;

/** @returns undefined for what is no number, "range" for one that no float64 comes near to */
export function parseDecimal(text: string): Decimal | "range" | undefined {
  const match = NUMBER.exec(text);
  if (!match) return undefined;
  const [, sign, whole = "", part = "", exponent = "0"] = match;
  if (whole.length + part.length === 0) return undefined;
  const e = Number(exponent) - part.length;
  if (Math.abs(e) > MAX_EXPONENT || whole.length > MAX_EXPONENT || part.length > MAX_EXPONENT) return "range";
  const digits = BigInt(whole + part);
  const value = { n: sign === "-" ? -digits : digits, e };
  return Number.isFinite(Number(text)) ? value : "range";
}

const power = (e: number): bigint => 10n ** BigInt(e);

const scaled = ({ n, e }: Decimal, to: number): bigint => (e === to ? n : n * power(e - to));

export function add(a: Decimal, b: Decimal): Decimal {
  if (a.n === 0n) return b;
  if (b.n === 0n) return a;
  const e = Math.min(a.e, b.e);
  return { n: scaled(a, e) + scaled(b, e), e };
}

export const multiply = (a: Decimal, b: Decimal): Decimal => ({ n: a.n * b.n, e: a.e + b.e });

export const negate = ({ n, e }: Decimal): Decimal => ({ n: -n, e });

/** −1, 0 or 1 */
export function compare(a: Decimal, b: Decimal): number {
  const { n } = add(a, negate(b));
  return n === 0n ? 0 : n < 0n ? -1 : 1;
}

/** The nearest float64. */
export const toDouble = ({ n, e }: Decimal): number => Number(`${n}e${e}`);

/** Without an exponent, which VNN-LIB has not. */
export function plainText({ n, e }: Decimal): string {
  if (e >= 0) return `${n * power(e)}`;
  const digits = `${n < 0n ? -n : n}`.padStart(1 - e, "0");
  const part = digits.slice(e).replace(/0+$/, "");
  return `${n < 0n ? "-" : ""}${digits.slice(0, e)}${part === "" ? "" : `.${part}`}`;
}

const buffer = new DataView(new ArrayBuffer(8));

/** The number that a float64 is. @throws RangeError for what is no finite number */
export function fromDouble(value: number): Decimal {
  if (!Number.isFinite(value)) throw new RangeError(`${value} is no finite number`);
  if (Number.isSafeInteger(value)) return { n: BigInt(value), e: 0 };
  buffer.setFloat64(0, value);
  const bits = buffer.getBigUint64(0);
  const exponent = Number((bits >> 52n) & 2047n);
  const fraction = bits & (2n ** 52n - 1n);
  const mantissa = exponent === 0 ? fraction : fraction + 2n ** 52n;
  const k = Math.max(1, exponent) - 1075;
  const n = value < 0 ? -mantissa : mantissa;
  // 2^k = 5^−k · 10^k
  return k >= 0 ? { n: n << BigInt(k), e: 0 } : { n: n * 5n ** BigInt(-k), e: k };
}

/** The least float64 that is no less. */
export function toDoubleAbove(value: Decimal): number {
  const near = toDouble(value);
  return compare(fromDouble(near), value) >= 0 ? near : nextAbove(near);
}

/** The next float64. */
export function nextAbove(value: number): number {
  if (value === 0) return Number.MIN_VALUE;
  buffer.setFloat64(0, value);
  buffer.setBigUint64(0, buffer.getBigUint64(0) + (value > 0 ? 1n : -1n));
  return buffer.getFloat64(0);
}
