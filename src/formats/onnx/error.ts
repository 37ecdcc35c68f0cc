/** Where in a model file something is wrong. */
export interface OnnxPlace {
  readonly file?: string | undefined;
  readonly node?: string | undefined;
}

/** A model file that cannot be read or written: one line with the file, the node, the fact and the way out. */
export class OnnxError extends Error {
  override readonly name: string = "OnnxError";
  readonly fault = "unsupported";
  readonly file: string | undefined;
  readonly node: string | undefined;
  /** The message without the place. */
  readonly fact: string;

  constructor(fact: string, { file, node }: OnnxPlace = {}, options?: ErrorOptions) {
    const place = [file, node].filter((part) => part !== undefined).map((part) => printable(part));
    super(`${place.length > 0 ? `${place.join(": ")}: ` : ""}${printable(fact, 2000)}`, options);
    this.file = file;
    this.node = node;
    this.fact = fact;
  }
}

/** A well-formed model outside what Assay can examine. */
export class UnsupportedError extends OnnxError {
  override readonly name = "UnsupportedError";
}

/** One short line without control characters: names come from strangers and go to a terminal. */
export function printable(text: string, limit = 200): string {
  const line = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " ");
  return line.length > limit ? `${line.slice(0, limit)}…` : line;
}
