import { FormatError } from "./error.ts";

/** V8 refuses strings beyond 2²⁹ − 24 characters. */
const MAX_BYTES = 2 ** 29 - 24;
const LABEL_NAMES = ["label", "labels", "class", "target", "y"];

export interface CsvOptions {
  /** Whether the first line names the columns; by default it does when one of its cells is no number. */
  readonly header?: boolean;
  /**
   * The column of labels, by name or by place (counted from 1, or "last"). By default the column that the header calls label, else class, target or y; the
   * first of 785 or 3073 columns (MNIST, CIFAR); otherwise none.
   */
  readonly label?: "first" | "last" | "none" | { readonly column: string };
  readonly delimiter?: string;
}

export interface CsvTable {
  /** [rows, features], without the label column */
  readonly values: Float32Array;
  readonly rows: number;
  readonly features: number;
  /** Names of the feature columns, where a header gives them. */
  readonly columns?: readonly string[];
  /** [rows]; numbers as they stand, names numbered in sorted order */
  readonly labels?: Int32Array;
  /** Where the labels are names. */
  readonly classNames?: readonly string[];
}

/**
 * Reads a table of numbers. Blank lines are skipped; a cell may stand in double quotes; the delimiter is the first of tab,
 * semicolon and comma that occurs in the first line.
 *
 * @throws FormatError naming line and column, for ragged rows and cells that are no finite number
 */
export function readCsv(bytes: Uint8Array, options: CsvOptions = {}): CsvTable {
  const lines = linesOf(bytes);
  const first = lines[0];
  if (first === undefined) throw new FormatError("CSV", "the file has no lines.");
  const delimiter = options.delimiter ?? [";", "\t", ","].find((d) => first.text.includes(d)) ?? ",";
  const firstCells = splitLine(first, delimiter);
  const header = options.header ?? firstCells.some((cell) => Number.isNaN(toNumber(cell)));
  const names = header ? firstCells : undefined;
  const labelColumn = findLabelColumn(firstCells.length, names, options.label);
  const body = header ? lines.slice(1) : lines;

  const width = firstCells.length;
  const features = labelColumn === undefined ? width : width - 1;
  if (features === 0 || body.length === 0) throw new FormatError("CSV", "the table has no values.");
  const values = new Float32Array(body.length * features);
  const labelCells: string[] = [];
  let at = 0;
  for (const line of body) {
    const cells = splitLine(line, delimiter);
    if (cells.length !== width) {
      throw new FormatError("CSV", `line ${line.number} has ${cells.length} cells, the first line has ${width}.`);
    }
    for (let column = 0; column < width; column++) {
      const cell = cells[column]!;
      if (column === labelColumn) labelCells.push(cell);
      else values[at++] = finite(cell, line.number, column, names);
    }
  }
  return {
    values,
    rows: body.length,
    features,
    ...(names && { columns: names.filter((_, i) => i !== labelColumn) }),
    ...(labelColumn !== undefined && parseLabels(labelCells)),
  };
}

/** A line of words: its number, and its cells between commas. */
export interface CsvRow {
  readonly number: number;
  readonly cells: readonly string[];
}

/** The lines of a table of words, without blank ones. @throws FormatError */
export const readCsvRows = (bytes: Uint8Array): CsvRow[] =>
  linesOf(bytes).map((line) => ({ number: line.number, cells: splitLine(line, ",") }));

function linesOf(bytes: Uint8Array): Line[] {
  if (bytes.length > MAX_BYTES) throw new FormatError("CSV", `${bytes.length} bytes are too many; use NPY instead.`);
  return new TextDecoder()
    .decode(bytes)
    .split(/\r\n|\n|\r/)
    .map((text, i) => ({ text, number: i + 1 }))
    .filter(({ text }) => text.trim() !== "");
}

interface Line {
  readonly text: string;
  readonly number: number;
}

function splitLine({ text, number }: Line, delimiter: string): string[] {
  if (!text.includes('"')) return text.split(delimiter).map((cell) => cell.trim());
  const cells: string[] = [];
  let cell = "";
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!;
    if (c === '"' && quoted && text[i + 1] === '"') cell += text[++i]!;
    else if (c === '"') quoted = !quoted;
    else if (c === delimiter && !quoted) {
      cells.push(cell.trim());
      cell = "";
    } else cell += c;
  }
  if (quoted) throw new FormatError("CSV", `line ${number} has an opening quote without a closing one.`);
  return [...cells, cell.trim()];
}

const toNumber = (cell: string): number => (cell === "" ? Number.NaN : Number(cell));

function finite(cell: string, line: number, column: number, names: readonly string[] | undefined): number {
  const value = toNumber(cell);
  if (Number.isFinite(value)) return value;
  const name = names?.[column];
  const place = `line ${line}, column ${column + 1}${name === undefined ? "" : ` ("${name}")`}`;
  throw new FormatError(
    "CSV",
    `${place}: "${cell}" is no finite number. If it is the label, say which column is (--label-column).`,
  );
}

function findLabelColumn(
  width: number,
  names: readonly string[] | undefined,
  label: CsvOptions["label"],
): number | undefined {
  if (label === "none") return undefined;
  if (label === "first") return 0;
  if (label === "last") return width - 1;
  if (label !== undefined) {
    const at = names?.indexOf(label.column) ?? -1;
    if (at >= 0) return at;
    const place = label.column === "last" ? width : Number(label.column);
    if (Number.isInteger(place) && place >= 1 && place <= width) return place - 1;
    const known = names ? `columns are ${names.slice(0, 20).join(", ")}` : "the file has no header";
    throw new FormatError("CSV", `no column is called "${label.column}"; ${known}; places are 1 to ${width}.`);
  }
  // a table may have a column y beside its labels
  const lower = names?.map((name) => name.toLowerCase()) ?? [];
  const named = LABEL_NAMES.find((name) => lower.includes(name));
  if (named !== undefined) return lower.indexOf(named);
  return width === 28 * 28 + 1 || width === 3 * 32 * 32 + 1 ? 0 : undefined;
}

function parseLabels(cells: readonly string[]): Pick<CsvTable, "labels" | "classNames"> {
  const numbers = cells.map(toNumber);
  if (numbers.every((n) => Number.isInteger(n) && n >= 0 && n < 2 ** 31)) return { labels: Int32Array.from(numbers) };
  const classNames = [...new Set(cells)].sort();
  const index = new Map(classNames.map((name, i) => [name, i]));
  return { labels: Int32Array.from(cells, (cell) => index.get(cell)!), classNames };
}
