/**
 * @file Models of one operator each: what ONNX's operators mean in every attribute, default and opset that files have.
 * A new one is a line. `test/differential-ops.test.ts` holds the graph that is read against ONNX Runtime on the file.
 */

import { NEWEST_OPSET } from "../../src/formats/onnx/model.ts";
import { type OneOperatorModel, oneOperatorModel, type Row } from "./one-operator.ts";
import { arrangements } from "./one-operator-arrangements.ts";
import { elementwise } from "./one-operator-elementwise.ts";
import { sums } from "./one-operator-sums.ts";

const rows: readonly Row[] = [...elementwise, ...sums, ...arrangements];

export const oneOperatorModels: readonly OneOperatorModel[] = rows
  .map(oneOperatorModel)
  .filter(({ opset }) => opset <= NEWEST_OPSET);
