/** @file The plots beside an evaluation's page. */

export interface Figure {
  /** From the page. */
  readonly path: string;
  readonly title: string;
}

export interface Figures {
  readonly areas: Figure | null;
  readonly scores: Figure | null;
  readonly controls: Figure | null;
  readonly curves: readonly Figure[];
}
