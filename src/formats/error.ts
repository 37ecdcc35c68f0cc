/** Bytes that are not what they should be. The reader of files puts the file's name in front. */
export class FormatError extends Error {
  override readonly name = "FormatError";
  readonly fault = "unsupported";
  /** The format as people write it: "NPY", "IDX", … */
  readonly format: string;

  constructor(format: string, fact: string, options?: ErrorOptions) {
    super(`${format}: ${fact}`, options);
    this.format = format;
  }
}
