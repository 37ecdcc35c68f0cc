import { expect, test } from "vitest";
import type { NamedResult, ResultFile } from "../studies/result-schema.ts";
import { resultsCsv } from "./results-csv.ts";

/** RFC 4180 read by its grammar, character by character. */
function rowsOf(text: string): string[][] {
  const rows: string[][] = [[]];
  for (let at = 0; at < text.length; ) {
    let cell = "";
    if (text[at] === '"') {
      for (at++; text[at] !== '"' || text[at + 1] === '"'; at++) {
        cell += text[at];
        if (text[at] === '"') at++;
      }
      at++;
    } else while (at < text.length && !",\r".includes(text[at]!)) cell += text[at++];
    rows.at(-1)!.push(cell);
    if (text[at] === ",") at++;
    else if (text.slice(at, at + 2) === "\r\n") {
      at += 2;
      rows.push([]);
    } else throw new Error(`not RFC 4180 at ${at}`);
  }
  return rows.slice(0, -1);
}

test("each input is a line that reads back as it was, whatever is in its names", () => {
  const names = ["plain", 'a "b", c', "two\r\nlines", "ü"];
  const results: NamedResult[] = names.map((_, k) => ({
    index: 10 + k,
    label: k,
    output: k,
    predicted: k === 0 ? 1 : k,
    predictedOutput: k === 0 ? 1 : k,
    verdict: k === 0 ? "falsified" : "unknown",
    margin: k === 0 ? -1.5 : null,
    seconds: 0.25,
    ...(k === 0 ? { witness: { file: "a,b/pgd-0.npz", index: 7 } } : { reason: "timeout" as const }),
  }));
  const file = { epsilon: 8 / 255, norm: "linf", method: "fgsm+pgd", classes: names, results } as unknown as ResultFile;
  const [head, ...rows] = rowsOf([...resultsCsv([file, { ...file, epsilon: 0.1 }])].join(""));
  const as = rows.map((row) => Object.fromEntries(head!.map((name, k) => [name, row[k]])));
  expect(rows.every((row) => row.length === head!.length)).toBe(true);
  expect(as).toHaveLength(8);
  expect(as[0]).toEqual({
    epsilon: `${8 / 255}`,
    epsilon_text: "8/255",
    norm: "linf",
    method: "fgsm+pgd",
    index: "10",
    label: "0",
    predicted: "1",
    verdict: "falsified",
    margin: "-1.5",
    reason: "",
    found_at: "",
    proved_within: "",
    falsified_within: "",
    seconds: "0.25",
    label_name: "plain",
    predicted_name: 'a "b", c',
    witness_file: "a,b/pgd-0.npz",
    witness_row: "7",
    npz_file: "",
    npz_row: "",
    npz_state: "",
    png_file: "",
    png_state: "",
  });
  expect(as.map((row) => row["label_name"])).toEqual([...names, ...names]);
  expect(as[2]).toMatchObject({ margin: "", reason: "timeout", witness_file: "" });
  expect(as.map((row) => Number(row["epsilon"]))).toEqual([...names.map(() => 8 / 255), ...names.map(() => 0.1)]);
});
