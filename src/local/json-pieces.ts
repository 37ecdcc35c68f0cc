/** @file JSON in pieces: results may be longer than the longest string there can be. */

/** Characters that are written at once. */
const PIECE = 1 << 16;

/**
 * The JSON of an object on one line, in pieces. Lists at its top are taken apart, everything else is small.
 */
export function* jsonPieces(file: object): Generator<string> {
  let piece = "{";
  let first = true;
  for (const [key, value] of Object.entries(file)) {
    if (value === undefined) continue;
    piece += `${first ? "" : ","}${JSON.stringify(key)}:`;
    first = false;
    if (!Array.isArray(value)) {
      piece += JSON.stringify(value);
      continue;
    }
    piece += "[";
    for (const [k, item] of value.entries()) {
      piece += `${k === 0 ? "" : ","}${JSON.stringify(item)}`;
      if (piece.length >= PIECE) {
        yield piece;
        piece = "";
      }
    }
    piece += "]";
  }
  yield `${piece}}\n`;
}
