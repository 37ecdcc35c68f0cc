/** @file The contract of data and a model file, with what the type of the file's input tells of its range. */

import { ContractError, type InferredContract, inferContract } from "../data/contract.ts";
import type { ReadModel } from "./jobs/subject.ts";

/** @throws ContractError as `inferContract`, and where black and white of whole numbers must be stated */
export function contractFor(model: ReadModel, terms: Parameters<typeof inferContract>[0]): InferredContract {
  const { dataset, stated = {} } = terms;
  const name = model.graph.inputs[0]?.name;
  const type = model.inputs.find((input) => input.name === name)?.elementType ?? "float";
  if (!/^u?int/.test(type) || stated.range !== undefined || dataset.range === "unknown") return inferContract(terms);
  if (type !== "uint8")
    throw new ContractError(
      `The model's input is of ${type}: state with --range what black and white are to it, such as --range 0,127.`,
    );
  const { contract, items } = inferContract({ ...terms, stated: { ...stated, range: [0, 255] } });
  const range = {
    item: "range",
    value: `${dataset.range === "0..255" ? "0 … 255" : "0 … 1"} to [0, 255]`,
    basis: "inferred",
    reason: "the model takes whole numbers of 8 bits; in between there are no inputs, and witnesses are whole",
  } as const;
  return { contract, items: items.map((item) => (item.item === "range" ? range : item)) };
}
