/** @file An epsilon in words: as a person states it. */

/** An epsilon typed as a decimal or as k/255 comes back from float32 with this relative error at most (2⁻²⁴ rounded up). */
const FLOAT32_ROUNDING = 1e-7;

/** More digits than anyone types: a number that needs them was computed. */
const DIGITS = 9;

/** Beyond, halves of 255ths lie too close together to be told from computed numbers. */
const MOST_STEPS = 10 * 255;

/** The largest denominator of a fraction that is told from a computed number: so few fractions are met by chance by none. */
const LARGEST_DENOMINATOR = 1000;

/**
 * As it was typed: a decimal where it is one, else 255ths, else another fraction that is this very number; a computed number with
 * three digits. Of two ways to write a number (0.2 and 51/255) the shorter one.
 */
export function epsilonText(epsilon: number): string {
  const close = (value: number) => value > 0 && Math.abs(value - epsilon) <= FLOAT32_ROUNDING * epsilon;
  const decimal = Number(epsilon.toPrecision(DIGITS));
  if (decimal === epsilon) return String(decimal);
  const short = Number(epsilon.toPrecision(3));
  if (close(short)) return String(short);
  const steps = Math.round(epsilon * 255 * 2) / 2;
  if (steps <= MOST_STEPS && close(steps / 255)) return `${steps}/255`;
  const parts = Math.round(epsilon * 255 * 100) / 100;
  return parts <= MOST_STEPS && parts / 255 === epsilon ? `${parts}/255` : (fractionText(epsilon) ?? String(short));
}

function fractionText(value: number): string | undefined {
  for (let q = 2; q <= LARGEST_DENOMINATOR; q++) {
    const p = Math.round(value * q);
    if (p > 0 && p / q === value) return `${p}/${q}`;
  }
  return undefined;
}

/** The same, of a number that the text must be: with all its digits where that is otherwise not said. */
export function exactEpsilonText(epsilon: number): string {
  const text = epsilonText(epsilon);
  const [top, bottom = "1"] = text.split("/");
  return Number(top) / Number(bottom) === epsilon ? text : String(epsilon);
}
