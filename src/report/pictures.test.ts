import { decode } from "fast-png";
import { expect, test } from "vitest";
import { base64ByteLength, fromBase64, toBase64 } from "./base64.ts";
import { changeOf, changeUri, divergingColour, examplePictures, pictureOf, pictureUri } from "./pictures.ts";

const pixelsOf = (uri: string): ReturnType<typeof decode> => {
  const prefix = "data:image/png;base64,";
  expect(uri.startsWith(prefix)).toBe(true);
  return decode(Buffer.from(uri.slice(prefix.length), "base64"));
};

test("writes base64 as Node's Buffer does, and knows its length", () => {
  for (const length of [0, 1, 2, 3, 100, 8192, 20_000]) {
    const bytes = Uint8Array.from({ length }, (_, i) => (i * 73) % 256);
    const text = toBase64(bytes);
    expect(text).toBe(Buffer.from(bytes).toString("base64"));
    expect(base64ByteLength(text)).toBe(length);
    expect(fromBase64(text)).toEqual(bytes);
  }
  expect([base64ByteLength("abc"), base64ByteLength("ab*="), base64ByteLength("a=bc")]).toEqual([-1, -1, -1]);
});

test("interleaves the channels of planar input and clips to the range", () => {
  // Two pixels: (r, g, b) = (0, 0.2, 1) and (1, 0.4, 2).
  const picture = pictureOf([0, 1, 0.2, 0.4, 1, 2], { channels: 3, height: 1, width: 2 });
  const png = pixelsOf(pictureUri(picture));
  expect([png.width, png.height, png.channels]).toEqual([2, 1, 3]);
  expect([...png.data]).toEqual([0, 51, 255, 255, 102, 255]);
});

test("reads values in the stated range", () => {
  const picture = pictureOf([-1, 0, 1], { channels: 1, height: 1, width: 3 }, [-1, 1]);
  expect([...pixelsOf(pictureUri(picture)).data]).toEqual([0, 128, 255]);
});

test("keeps a change that is too small for the bytes of the pictures", () => {
  const size = { channels: 1, height: 1, width: 3 } as const;
  const step = 0.1 / 255;
  const { original, adversarial, change } = examplePictures([0.4, 0.4, 0.4], [0.4 + step, 0.4, 0.4 - step], size);
  expect(original.pixels).toBe(adversarial.pixels);
  expect(change.scale).toBeCloseTo(step, 12);
  expect([...pixelsOf(changeUri(change, original)).data]).toEqual([190, 20, 40, 247, 247, 247, 5, 96, 176]);
});

test("colours a pixel by the channel that changed most", () => {
  const size = { channels: 3, height: 1, width: 1 } as const;
  const change = changeOf([0, 0, 0], [0.1, -0.4, 0.2], size);
  expect([...pixelsOf(changeUri(change, pictureOf([0, 0, 0], size))).data]).toEqual([5, 96, 176]);
});

test("leaves an unchanged picture without colour", () => {
  const size = { channels: 1, height: 1, width: 1 } as const;
  expect([...pixelsOf(changeUri(changeOf([1], [1], size), pictureOf([1], size))).data]).toEqual([247, 247, 247]);
  expect(divergingColour(-2)).toEqual(divergingColour(-1));
});

test("large pictures are shown by every k-th pixel, the change at the same places", () => {
  const size = { channels: 3, height: 600, width: 800 } as const;
  const plane = size.height * size.width;
  // each value says where it is: red the row, green the column
  const original = Float32Array.from({ length: 3 * plane }, (_, i) => {
    const at = i % plane;
    return i < plane ? Math.floor(at / size.width) / 1000 : i < 2 * plane ? (at % size.width) / 1000 : 0;
  });
  const adversarial = original.map((value, i) => value + (i % plane === 4 * size.width + 8 ? 0.5 : 0));
  const { original: shown, change } = examplePictures(original, adversarial, size);
  expect([shown.width, shown.height]).toEqual([200, 150]);
  const pixels = fromBase64(shown.pixels);
  const at = 3 * (1 * 200 + 2);
  expect([...pixels.subarray(at, at + 3)]).toEqual([Math.round(255 * 0.004), Math.round(255 * 0.008), 0]);
  const moved = [...new Int8Array(fromBase64(change.values).buffer)].flatMap((value, i) => (value === 0 ? [] : [i]));
  expect(moved).toEqual([at, at + 1, at + 2]);
});
