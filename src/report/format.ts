import type { Proportion } from "../stats/proportion.ts";

/** "93.4%". Never rounds up to 100% or down to 0% a share that is not exactly that. */
export function percent(share: number, digits = 1): string {
  const step = 10 ** -digits;
  const shown = share * 100;
  if (share < 1 && shown > 100 - step / 2) return `>${(100 - step).toFixed(digits)}%`;
  if (share > 0 && shown < step / 2) return `<${step}%`;
  return `${shown.toFixed(Number.isInteger(Number(shown.toFixed(digits))) && (share === 0 || share === 1) ? 0 : digits)}%`;
}

/** "89.1–96.3%". The ends are rounded outwards, so that the shown interval contains the computed one. */
export function intervalText({ lower, upper }: Pick<Proportion, "lower" | "upper">): string {
  const down = Math.floor(lower * 1000 + 1e-9) / 10;
  const up = Math.ceil(upper * 1000 - 1e-9) / 10;
  return `${down.toFixed(lower === 0 ? 0 : 1)}–${up.toFixed(upper === 1 ? 0 : 1)}%`;
}

/** "93.4% (89.1–96.3%)". */
export const shortRateText = (rate: Proportion): string => `${percent(rate.estimate)} (${intervalText(rate)})`;

/** "93.4%, interval 89.1–96.3%". */
export const measuredRate = (rate: Proportion): string => `${percent(rate.estimate)}, interval ${intervalText(rate)}`;

/** Three significant digits, without exponents in the everyday range. */
export function numberText(value: number): string {
  if (Number.isInteger(value)) return integerText(value);
  const size = Math.abs(value);
  return size >= 1e-4 && size < 1e6 ? String(Number(value.toPrecision(3))) : value.toExponential(2);
}

/** Two decimals, or one digit where these would be 0, with a true minus sign. */
export const signedText = (value: number): string =>
  (value !== 0 && Math.abs(value) < 0.005 ? numberText(Number(value.toPrecision(1))) : value.toFixed(2)).replace(
    "-",
    "\u2212",
  );

/** Five digits and more are grouped in threes, by narrow spaces that do not break. */
export const integerText = (value: number): string =>
  Math.abs(value) < 10_000 ? String(value) : String(value).replaceAll(/\B(?=(\d{3})+(?!\d))/g, "\u202f");

export function secondsText(seconds: number): string {
  if (seconds < 0.001) return "<1 ms";
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

export function bytesText(bytes: number): string {
  if (bytes < 1000) return `${bytes} bytes`;
  const power = Math.min(3, Math.floor(Math.log10(bytes) / 3));
  return `${Number((bytes / 1000 ** power).toPrecision(3))} ${["", "kB", "MB", "GB"][power]}`;
}

/** "1 × 28 × 28" without the batch axis, which says nothing about one input. */
export const shapeText = (shape: readonly (number | string)[]): string => shape.join(" × ");

/** "2026-11-23 06:05 UTC" from an ISO date. */
export const dateText = (iso: string): string => `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC`;

export const plural = (count: number, one: string, many = `${one}s`): string =>
  `${integerText(count)} ${count === 1 ? one : many}`;
