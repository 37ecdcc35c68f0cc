import { expect, test } from "vitest";
import { samplesOf } from "../../methods/samples.ts";
import { bytesOf } from "../../runtime/hash.ts";
import { decodeSamples, encodeSamples } from "./samples.ts";

const every = Float32Array.from({ length: 256 }, (_, byte) => byte / 255);
const samples = (images: Float32Array) => ({
  images,
  shape: [1, 2, images.length / 4],
  labels: Int32Array.of(3, 0),
  classes: 5,
});

test.for([
  ["bytes divided by 255", every],
  ["part of a larger array", every.subarray(4, 12)],
  ["other fractions", Float32Array.of(0.1, 0.5, 1 / 3, 1)],
  ["a negative zero", Float32Array.of(0, -0, 1, 0)],
  ["a neighbour of a byte's", Float32Array.of(0, 1, 2 ** -24 + every[128]!, 0)],
  ["what lies outside", Float32Array.of(0, 1, 2, -1 / 255)],
] as const)("samples come back from a blob with every bit: %s", ([, images]) => {
  const back = decodeSamples(encodeSamples(samples(images)));
  expect(bytesOf(back.images)).toEqual(bytesOf(images.slice()));
  expect({ ...back, images }).toEqual(samples(images));
});

test("pixels that were bytes take a byte each in a blob", () => {
  const read = samplesOf({
    name: "bytes",
    images: Float32Array.from({ length: 8192 }, (_, i) => i % 256),
    shape: [1, 64, 64],
    labels: Int32Array.of(0, 1),
    range: "0..255",
    indices: Int32Array.of(0, 1),
    source: "",
    notes: [],
  });
  expect(encodeSamples(read).length).toBeLessThan(8192 + 400);
});
