/** A picture with 8 bits a sample. */
export interface Image {
  readonly width: number;
  readonly height: number;
  /** Grey, grey and alpha, RGB, RGBA. */
  readonly channels: 1 | 2 | 3 | 4;
  /** [height, width, channels] */
  readonly data: Uint8Array;
  /** It was brought upright as its EXIF orientation says. */
  readonly turned?: true;
}

/** Larger pictures are refused before anything is allocated for them. */
export const MAX_PIXELS = 2 ** 24;
