/** @file Options of the model, its data, and how it takes them. */

import { z } from "zod";
import type { Size } from "../../data/sizing.ts";
import { choice, flag, number, numbers, path, size, text, valueRange, whole } from "../values.ts";
import { define, type OptionSpec } from "./spec.ts";

export const INPUTS = {
  output: define({
    flag: "--output <name>",
    help: "the output of the file that holds the class scores",
    schema: z.string().min(1, "must name an output"),
    default: "the only one, or the only one of floats",
  }),
  input: define({
    flag: "--input <name>",
    help: "the input of the file that takes the data",
    schema: z.string().min(1, "must name an input"),
    default: "the only one that the scores depend on",
  }),
  bind: define({
    flag: "--bind <name=value>",
    help: "a value for another input that the scores depend on: a number for all its elements, or a .npy file; repeat for several",
    schema: z
      .union([z.string(), z.array(z.string())])
      .transform((raw) => [raw].flat())
      .pipe(z.array(z.string().regex(/^[^=]+=./, "needs NAME=VALUE"))),
    repeatable: true,
  }),
  data: define({
    flag: "--data <source>",
    help: "inputs: a file or folder (IDX, CIFAR, NPY, NPZ, CSV, PNG, JPEG), or bundled digits (mnist, mnist:train, mnist:all)",
    schema: path,
  }),
  labels: define({ flag: "--labels <file>", help: "labels, where they are not beside the data", schema: path }),
  limit: define({ flag: "--limit <n>", help: "use the first n inputs", schema: whole(1) }),
  sample: define({
    flag: "--sample <n>",
    help: "use n inputs drawn at random, by class",
    schema: whole(1),
    default: "all",
  }),
  labelColumn: define({
    flag: "--label-column <column>",
    help: "the column of labels of a CSV file: its name, or its place from 1, or last",
    schema: text.transform((column) => `${column}`),
    default: "the one called label, class, target or y",
  }),
  firstLabel: define({
    flag: "--first-label <n>",
    help: "what the data calls its first label, where labels are numbers",
    schema: number(Number.isSafeInteger, "must be a whole number"),
    default: "0",
  }),
  dataRange: define({
    flag: "--data-range <black,white>",
    help: "what black and white are in the data, where its values do not tell; none: they are no pixels",
    schema: valueRange,
  }),
  channels: define({
    flag: "--channels <kind>",
    help: "bring pictures to rgb (grey is copied to three channels) or to grey (colours are weighed)",
    schema: choice("rgb", "grey"),
    default: "as in the data",
  }),
  channelOrder: define({
    flag: "--channel-order <order>",
    help: "the order in which the model takes colours: rgb or bgr; --mean and --std are in that order",
    schema: choice("rgb", "bgr"),
    default: "rgb",
  }),
  resize: define({
    flag: "--resize <size>",
    help: "bring pictures to this size, such as 32 or 32x48 (height x width): bilinear, antialiased where they shrink; with --crop, one number is the shorter side",
    schema: size,
  }),
  crop: define({
    flag: "--crop <size>",
    help: "keep the middle of pictures, such as 224 or 224x192 (height x width), after --resize",
    schema: size.transform((both): Size => (typeof both === "number" ? [both, both] : both)),
  }),
  rowOrder: define({
    flag: "--row-order <order>",
    help: "how rows hold pictures: NCHW, one channel after the other, or NHWC, the channels of each pixel together",
    schema: choice("NCHW", "NHWC"),
  }),
  mean: define({
    flag: "--mean <numbers>",
    help: "subtracted from pixels of --range, one or one a channel",
    schema: numbers,
  }),
  std: define({ flag: "--std <numbers>", help: "divides what is left, one or one a channel", schema: numbers }),
  range: define({
    flag: "--range <black,white>",
    help: "what black and white are to the model",
    schema: numbers.pipe(z.tuple([z.number(), z.number()], "needs two numbers: black,white")),
    default: "0,1",
  }),
  preprocessing: define({
    flag: "--preprocessing <how>",
    help: "auto: find --mean, --std, --range and --channel-order by the model's answers, used only where one usual way is clearly best, and --resize and --crop where pictures are of another size than the model's",
    schema: choice("stated", "auto"),
    default: "stated",
  }),
  layout: define({
    flag: "--layout <order>",
    help: "order of the model's axes: NCHW, NHWC or flat",
    schema: choice("NCHW", "NHWC", "flat"),
  }),
  classOrder: define({
    flag: "--class-order <labels>",
    help: "the data's label for each output of the model",
    schema: numbers,
  }),
  force: define({
    flag: "--force",
    help: "go on although the accuracy cannot be told from chance",
    schema: flag,
  }),
  training: define({
    flag: "--training <source>",
    help: "the data that the model was trained on, for detectors that search it for poison",
    schema: path,
  }),
  images: define({
    flag: "--images <n>",
    help: "inputs that detectors see, drawn at random, by class",
    schema: whole(1),
    default: "400, or as many as the reference population's members were scanned with",
  }),
} as const satisfies Readonly<Record<string, OptionSpec>>;
