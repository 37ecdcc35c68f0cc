/** @file What a command has of the process. */

/** What a verb may touch of the process. */
export interface Io {
  /** Results. Resolves when written; throws on a full disk. */
  readonly print: (text: string) => Promise<void>;
  readonly stderr: NodeJS.WriteStream;
  /** Fires on Ctrl-C. */
  readonly signal: AbortSignal;
  /** As typed, for reports. */
  readonly command: string;
  /** The verb's second word, where it was given. */
  readonly second?: string | undefined;
}
