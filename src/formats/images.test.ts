import fc from "fast-check";
import { zlibSync } from "fflate";
import { describe, expect, test } from "vitest";
import { FormatError } from "./error.ts";
import { crc32 } from "./gzip.ts";
import { readJpeg } from "./jpeg.ts";
import { readPng, writePng } from "./png.ts";

const base64 = (text: string): Uint8Array => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

function chunk(type: string, body: Uint8Array): number[] {
  const typed = Uint8Array.of(...utf8(type), ...body);
  const word = (n: number) => [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255];
  return [...word(body.length), ...typed, ...word(crc32(typed))];
}

interface Header {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly type: number;
  readonly interlaced?: boolean;
}

/** A PNG made by hand; `lines` holds the scan lines with their filter bytes. */
function png(header: Header, lines: readonly number[], extra: readonly number[] = []): Uint8Array {
  const ihdr = new Uint8Array(13);
  const view = new DataView(ihdr.buffer);
  view.setUint32(0, header.width);
  view.setUint32(4, header.height);
  ihdr.set([header.depth, header.type, 0, 0, header.interlaced ? 1 : 0], 8);
  return Uint8Array.of(
    ...[0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10],
    ...chunk("IHDR", ihdr),
    ...extra,
    ...chunk("IDAT", zlibSync(Uint8Array.from(lines))),
    ...chunk("IEND", new Uint8Array(0)),
  );
}

describe("PNG", () => {
  test.for([
    ["8-bit grey", png({ width: 2, height: 2, depth: 8, type: 0 }, [0, 1, 2, 0, 3, 255]), 1, [1, 2, 3, 255]],
    ["filtered lines", png({ width: 2, height: 2, depth: 8, type: 0 }, [1, 10, 5, 2, 1, 1]), 1, [10, 15, 11, 16]],
    ["RGB", png({ width: 1, height: 1, depth: 8, type: 2 }, [0, 9, 8, 7]), 3, [9, 8, 7]],
    ["grey and alpha", png({ width: 1, height: 1, depth: 8, type: 4 }, [0, 9, 128]), 2, [9, 128]],
    ["RGBA", png({ width: 1, height: 1, depth: 8, type: 6 }, [0, 9, 8, 7, 6]), 4, [9, 8, 7, 6]],
    [
      "16 bits, rounded",
      png({ width: 3, height: 1, depth: 16, type: 0 }, [0, 0xff, 0xff, 0x01, 0x80, 0x01, 0x81]),
      1,
      [255, 1, 1],
    ],
    [
      "1 bit, stretched",
      png({ width: 3, height: 2, depth: 1, type: 0 }, [0, 0b10100000, 0, 0b01000000]),
      1,
      [255, 0, 255, 0, 255, 0],
    ],
    ["2 bits", png({ width: 5, height: 1, depth: 2, type: 0 }, [0, 0b00011011, 0b11000000]), 1, [0, 85, 170, 255, 255]],
    ["4 bits", png({ width: 2, height: 1, depth: 4, type: 0 }, [0, 0xa3]), 1, [170, 51]],
    [
      "a palette",
      png({ width: 2, height: 1, depth: 8, type: 3 }, [0, 1, 0], chunk("PLTE", Uint8Array.of(1, 2, 3, 4, 5, 6))),
      3,
      [4, 5, 6, 1, 2, 3],
    ],
    [
      "RGB with a suggested palette, which changes nothing",
      png({ width: 1, height: 1, depth: 8, type: 2 }, [0, 9, 8, 7], chunk("PLTE", Uint8Array.of(1, 2, 3))),
      3,
      [9, 8, 7],
    ],
    [
      "interlaced lines",
      // 3 × 2 pixels a b c / d e f: passes 1 (a), 4 (c), 6 (b), 7 (d e f); 2, 3 and 5 are empty.
      png({ width: 3, height: 2, depth: 8, type: 0, interlaced: true }, [0, 1, 0, 3, 0, 2, 0, 4, 5, 6]),
      1,
      [1, 2, 3, 4, 5, 6],
    ],
  ] as const)("reads %s", ([, file, channels, data]) => {
    const image = readPng(file);
    expect(image.channels).toBe(channels);
    expect([...image.data]).toEqual(data);
  });

  test("reads a palette of 1 bit that Pillow wrote", () => {
    const image = readPng(
      base64(
        "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAIAQMAAAD+wSzIAAAABlBMVEUUtFrIHjwYRTzwAAAADUlEQVR4nGP4wMSADAEOkAD/tSl7KAAAAABJRU5ErkJggg==",
      ),
    );
    const row = [...new Array(4).fill([200, 30, 60]).flat(), ...new Array(4).fill([20, 180, 90]).flat()];
    expect(image).toEqual({ width: 8, height: 8, channels: 3, data: Uint8Array.from(new Array(8).fill(row).flat()) });
  });

  test("reads back what it writes, with 1 to 4 channels", () => {
    for (const channels of [1, 2, 3, 4] as const) {
      const data = Uint8Array.from({ length: 5 * 3 * channels }, (_, i) => (i * 37) & 255);
      const image = { width: 5, height: 3, channels, data };
      expect(readPng(writePng(image))).toEqual(image);
    }
    expect(() => writePng({ width: 2, height: 2, channels: 1, data: new Uint8Array(3) })).toThrow(/3 bytes are no 2×2/);
  });

  test("refuses claims beyond the bytes before it allocates them", () => {
    const grey = { depth: 8, type: 0 } as const;
    expect(() => readPng(png({ width: 2 ** 31, height: 2 ** 31, ...grey }, [0]))).toThrow(/more than the/);
    expect(() => readPng(png({ width: 4000, height: 4000, ...grey }, [0, 1]))).toThrow(/fewer are there/);
    expect(() => readPng(png({ width: 1, height: 1, ...grey }, new Array(1_000_000).fill(0)))).toThrow(
      /more than 2 bytes come out/,
    );
    expect(() => readPng(png({ width: 0, height: 1, ...grey }, []))).toThrow(/header/);
  });

  test("does not unpack compressed text or colour profiles", () => {
    const profile = Uint8Array.of(...utf8("p"), 0, 0, ...zlibSync(new Uint8Array(100_000)).slice(0, 40));
    const file = png({ width: 1, height: 1, depth: 8, type: 0 }, [0, 7], chunk("iCCP", profile));
    expect([...readPng(file).data]).toEqual([7]);
  });

  test("meets mutated files with one kind of error", () => {
    const file = writePng({ width: 6, height: 5, channels: 3, data: new Uint8Array(90).fill(7) });
    mutate(file, readPng, 5);
    expect(() => readPng(utf8("GIF89a"))).toThrow(/signature/);
  });
});

const GREY =
  "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAMCAgMCAgMDAwMEAwMEBQgFBQQEBQoHBwYIDAoMDAsKCwsNDhIQDQ4RDgsLEBYQERMUFRUVDA8XGBYUGBIUFRT/wAALCAAIAAoBAREA/8QAHwAAAQUBAQEBAQEAAAAAAAAAAAECAwQFBgcICQoL/8QAtRAAAgEDAwIEAwUFBAQAAAF9AQIDAAQRBRIhMUEGE1FhByJxFDKBkaEII0KxwRVS0fAkM2JyggkKFhcYGRolJicoKSo0NTY3ODk6Q0RFRkdISUpTVFVWV1hZWmNkZWZnaGlqc3R1dnd4eXqDhIWGh4iJipKTlJWWl5iZmqKjpKWmp6ipqrKztLW2t7i5usLDxMXGx8jJytLT1NXW19jZ2uHi4+Tl5ufo6erx8vP09fb3+Pn6/9oACAEBAAA/APCv2bfht/x6/uvTtX3LafDb/RIf3X8C9vav/9k=";
const PROGRESSIVE =
  "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAMCAgMCAgMDAwMEAwMEBQgFBQQEBQoHBwYIDAoMDAsKCwsNDhIQDQ4RDgsLEBYQERMUFRUVDA8XGBYUGBIUFRT/2wBDAQMEBAUEBQkFBQkUDQsNFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBT/wgARCAAIAAgDASIAAhEBAxEB/8QAFQABAQAAAAAAAAAAAAAAAAAAAAb/xAAVAQEBAAAAAAAAAAAAAAAAAAAFBv/aAAwDAQACEAMQAAABnQRI/wD/xAAVEAEBAAAAAAAAAAAAAAAAAAAABf/aAAgBAQABBQKc/8QAGhEAAAcAAAAAAAAAAAAAAAAAAAIEBjWCsv/aAAgBAwEBPwF5TqiuCj//xAAWEQADAAAAAAAAAAAAAAAAAAAAATH/2gAIAQIBAT8BdP/EABYQAAMAAAAAAAAAAAAAAAAAAAADgf/aAAgBAQAGPwJkP//EABYQAAMAAAAAAAAAAAAAAAAAAACB8P/aAAgBAQABPyGDP//aAAwDAQACAAMAAAAQ/wD/xAAUEQEAAAAAAAAAAAAAAAAAAAAA/9oACAEDAQE/EAn/xAAUEQEAAAAAAAAAAAAAAAAAAAAA/9oACAECAQE/EF//xAAUEAEAAAAAAAAAAAAAAAAAAAAA/9oACAEBAAE/EEf/2Q==";

describe("JPEG", () => {
  // Written by Pillow 12 from grey (16x + 8y) of 10 × 8 pixels; decoders may differ by a few levels.
  test("reads grey", () => {
    const image = readJpeg(base64(GREY));
    expect(image).toMatchObject({ width: 10, height: 8, channels: 1 });
    image.data.forEach((value, i) => {
      expect(Math.abs(value - (((i % 10) * 16 + Math.floor(i / 10) * 8) & 255))).toBeLessThanOrEqual(4);
    });
  });

  test("reads progressive colour", () => {
    const image = readJpeg(base64(PROGRESSIVE));
    expect(image).toMatchObject({ width: 8, height: 8, channels: 3 });
    const near = (at: number, colour: readonly number[]) =>
      colour.every((c, k) => Math.abs(image.data[3 * at + k]! - c) <= 6);
    expect(near(0, [200, 29, 61])).toBe(true);
    expect(near(63, [17, 182, 90])).toBe(true);
  });

  test("refuses a claim of many pixels in few bytes, cuts and foreign bytes", () => {
    const file = base64(GREY);
    const frame = file.findIndex((byte, i) => byte === 0xff && file[i + 1] === 0xc0);
    const huge = file.slice();
    new DataView(huge.buffer).setUint16(frame + 5, 60_000);
    new DataView(huge.buffer).setUint16(frame + 7, 60_000);
    expect(() => readJpeg(huge)).toThrow(/60000×60000 pixels in 356 bytes/);
    expect(() => readJpeg(file.slice(0, 300))).toThrow(FormatError);
    expect(() => readJpeg(utf8("not a picture"))).toThrow(/signature/);
  });

  test("meets mutated files with one kind of error", () => {
    mutate(base64(GREY), readJpeg, 6);
    mutate(base64(PROGRESSIVE), readJpeg, 7);
  });
});

function mutate(file: Uint8Array, read: (bytes: Uint8Array) => unknown, seed: number): void {
  const edits = fc.array(fc.tuple(fc.nat(file.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(edits, (changes) => {
      const mutated = file.slice();
      for (const [at, value] of changes) mutated[at] = value;
      try {
        read(mutated);
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError);
      }
    }),
    { seed, numRuns: 300 },
  );
}
