import { FormatError } from "./error.ts";
import { gunzip, type InflateOptions, isGzip } from "./gzip.ts";

const IMAGE_BYTES = 3 * 32 * 32;

export interface CifarBatch {
  readonly classes: 10 | 100;
  /** [count, 3, 32, 32], red plane first, 0 … 255 */
  readonly images: Uint8Array;
  /** [count]; CIFAR-100's fine labels */
  readonly labels: Int32Array;
  /** [count], 0 … 19, CIFAR-100 only */
  readonly coarseLabels?: Int32Array;
}

/**
 * Reads the binary version of CIFAR-10 (1 label byte and 3072 pixels a record) or CIFAR-100 (coarse and fine label byte),
 * plain or gzipped. Without `classes`, the record length that divides the file decides.
 *
 * @throws FormatError when neither record length fits, both do, or a label is out of range
 * @source Krizhevsky 2009, "The CIFAR-10 dataset", binary version
 */
export function readCifar(
  file: Uint8Array,
  { classes, ...inflation }: InflateOptions & { readonly classes?: 10 | 100 } = {},
): CifarBatch {
  const bytes = isGzip(file) ? gunzip(file, inflation) : file;
  const kind = classes ?? guessClasses(bytes.length);
  const header = kind === 10 ? 1 : 2;
  const record = header + IMAGE_BYTES;
  if (bytes.length === 0 || bytes.length % record !== 0) {
    throw new FormatError(
      "CIFAR",
      `${bytes.length} bytes are no whole number of CIFAR-${kind} records (${record} bytes each).`,
    );
  }
  const count = bytes.length / record;
  const images = new Uint8Array(count * IMAGE_BYTES);
  const labels = new Int32Array(count);
  const coarseLabels = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    const start = i * record;
    images.set(bytes.subarray(start + header, start + record), i * IMAGE_BYTES);
    labels[i] = bytes[start + header - 1]!;
    coarseLabels[i] = bytes[start]!;
    if (labels[i]! >= kind || (kind === 100 && coarseLabels[i]! >= 20)) {
      throw new FormatError("CIFAR", `record ${i} has the label ${labels[i]}, which CIFAR-${kind} does not have.`);
    }
  }
  return { classes: kind, images, labels, ...(kind === 100 && { coarseLabels }) };
}

function guessClasses(length: number): 10 | 100 {
  const ten = length % (1 + IMAGE_BYTES) === 0;
  const hundred = length % (2 + IMAGE_BYTES) === 0;
  if (ten && hundred && length > 0) {
    throw new FormatError("CIFAR", `${length} bytes fit CIFAR-10 and CIFAR-100; state the number of classes.`);
  }
  return hundred && !ten ? 100 : 10;
}

export const CIFAR10_CLASSES = [
  "airplane",
  "automobile",
  "bird",
  "cat",
  "deer",
  "dog",
  "frog",
  "horse",
  "ship",
  "truck",
] as const;
