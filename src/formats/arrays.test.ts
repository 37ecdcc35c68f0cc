import fc from "fast-check";
import { gzipSync, zipSync } from "fflate";
import { describe, expect, test } from "vitest";
import type { DType, NdArray } from "./array.ts";
import { toFloat32, toLabels } from "./array.ts";
import { readCifar } from "./cifar.ts";
import { readCsv } from "./csv.ts";
import { FormatError } from "./error.ts";
import { crc32, gunzip, gzip, inflate } from "./gzip.ts";
import { readIdx, writeIdx } from "./idx.ts";
import { readNpy, writeNpy } from "./npy.ts";
import { readNpz, writeNpz } from "./npz.ts";

const base64 = (text: string): Uint8Array => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const ramp = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 7) & 255);

/** No mutation of a file may do anything but succeed or throw FormatError. */
function survivesMutation(file: Uint8Array, read: (bytes: Uint8Array) => unknown, seed: number): void {
  const edits = fc.array(fc.tuple(fc.nat(file.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(edits, fc.nat(file.length), fc.boolean(), (changes, cut, whether) => {
      const mutated = file.slice(0, whether ? cut : file.length);
      for (const [at, value] of changes) if (at < mutated.length) mutated[at] = value;
      try {
        read(mutated);
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError);
      }
    }),
    { seed, numRuns: 400 },
  );
}

describe("gzip", () => {
  test("returns what was packed, with a file name in the header or without", () => {
    const bytes = ramp(20_000);
    expect(gunzip(gzip(bytes))).toEqual(bytes);
    expect(gunzip(gzipSync(bytes, { filename: "digits.bin" }))).toEqual(bytes);
    expect(gunzip(gzip(new Uint8Array(0)))).toHaveLength(0);
  });

  test("reads a file that another program wrote", () => {
    // printf 'assay' | gzip -n
    expect(gunzip(base64("H4sIAAAAAAAAA0ssLk6sBADl43IYBQAAAA=="))).toEqual(utf8("assay"));
  });

  test("stops a bomb at the limit", () => {
    const bomb = gzip(new Uint8Array(20_000_000));
    expect(bomb.length).toBeLessThan(30_000);
    expect(() => gunzip(bomb, { maxBytes: 1_000_000 })).toThrow(/more than 1000000 bytes come out/);
  });

  test("notices a cut, a changed byte and foreign bytes", () => {
    const file = gzip(ramp(5000));
    for (const length of [0, 1, 9, 18, file.length - 9, file.length - 1]) {
      expect(() => gunzip(file.slice(0, length))).toThrow(FormatError);
    }
    const changed = file.slice();
    changed[file.length - 6]! ^= 1;
    expect(() => gunzip(changed)).toThrow(/damaged/);
    expect(() => gunzip(utf8("plain text, not gzip"))).toThrow(/signature/);
    expect(() => inflate(utf8("\x07 not deflate"))).toThrow(FormatError);
    survivesMutation(file, gunzip, 1);
  });

  test("the checksum has the published check value", () => {
    expect(crc32(utf8("123456789"))).toBe(0xcbf43926);
  });
});

describe("IDX", () => {
  test("reads MNIST's layout, big-endian, plain and gzipped", () => {
    const file = Uint8Array.of(0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3, 1, 2, 3, 4, 5, 255);
    const expected = { dtype: "u1", shape: [2, 1, 3], data: Uint8Array.of(1, 2, 3, 4, 5, 255) };
    expect(readIdx(file)).toEqual(expected);
    expect(readIdx(gzip(file))).toEqual(expected);
    expect(readIdx(Uint8Array.of(0, 0, 0x0b, 1, 0, 0, 0, 2, 1, 2, 0xff, 0xfe)).data).toEqual(Int16Array.of(258, -2));
  });

  test("reads back what it writes, in every element type", () => {
    const arrays: NdArray[] = [
      { dtype: "u1", shape: [2, 2], data: Uint8Array.of(0, 1, 2, 255) },
      { dtype: "i1", shape: [2], data: Int8Array.of(-128, 127) },
      { dtype: "i2", shape: [2, 1], data: Int16Array.of(-2, 300) },
      { dtype: "i4", shape: [1], data: Int32Array.of(-70_000) },
      { dtype: "f4", shape: [2], data: Float32Array.of(1.5, -2.25) },
      { dtype: "f8", shape: [1, 1, 1], data: Float64Array.of(Math.PI) },
    ];
    for (const array of arrays) expect(readIdx(writeIdx(array))).toEqual(array);
    expect(() => writeIdx({ dtype: "u8", shape: [1], data: BigUint64Array.of(1n) })).toThrow(/no element type u8/);
  });

  test("refuses a header that claims more than follows, without allocating it", () => {
    const claim = Uint8Array.of(0, 0, 14, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1);
    expect(() => readIdx(claim)).toThrow(/claims shape .* but 1 bytes follow/);
    expect(() => readIdx(Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 1, 7, 7))).toThrow(/2 bytes follow/);
    expect(() => readIdx(Uint8Array.of(0, 0, 8, 2, 0, 0))).toThrow(/cut short/);
    expect(() => readIdx(utf8("hello, world"))).toThrow(/magic/);
    survivesMutation(writeIdx({ dtype: "u1", shape: [3, 4], data: ramp(12) }), readIdx, 2);
  });
});

describe("CIFAR", () => {
  const record = (head: readonly number[]): Uint8Array => Uint8Array.of(...head, ...ramp(3072));

  test("reads CIFAR-10 records, gzipped too", () => {
    const file = Uint8Array.of(...record([3]), ...record([9]));
    const batch = readCifar(gzip(file));
    expect(batch.classes).toBe(10);
    expect([...batch.labels]).toEqual([3, 9]);
    expect(batch.images).toEqual(Uint8Array.of(...ramp(3072), ...ramp(3072)));
    expect(batch.coarseLabels).toBeUndefined();
  });

  test("reads CIFAR-100's fine and coarse labels", () => {
    const batch = readCifar(record([19, 99]));
    expect(batch).toMatchObject({ classes: 100, labels: Int32Array.of(99), coarseLabels: Int32Array.of(19) });
    expect(batch.images).toEqual(ramp(3072));
  });

  test("refuses impossible lengths and labels", () => {
    expect(() => readCifar(new Uint8Array(0))).toThrow(/0 bytes are no whole number/);
    expect(() => readCifar(new Uint8Array(3000))).toThrow(/no whole number of CIFAR-10 records/);
    expect(() => readCifar(record([10]))).toThrow(/record 0 has the label 10/);
    expect(() => readCifar(record([20, 5]))).toThrow(FormatError);
    expect(() => readCifar(new Uint8Array(3073 * 3074))).toThrow(/state the number of classes/);
  });
});

describe("NPY", () => {
  // The files in this block were written by NumPy 2.4.
  test("reads Fortran order and turns it into C order", () => {
    const file = base64(
      "k05VTVBZAQB2AHsnZGVzY3InOiAnPGY0JywgJ2ZvcnRyYW5fb3JkZXInOiBUcnVlLCAnc2hhcGUnOiAoMiwgMyksIH0gICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAAAABAQAAAgD8AAIBAAAAAQAAAoEA=",
    );
    expect(readNpy(file)).toEqual({ dtype: "f4", shape: [2, 3], data: Float32Array.of(0, 1, 2, 3, 4, 5) });
  });

  test("reads version 2 and big-endian numbers", () => {
    const file = base64(
      "k05VTVBZAgB0AAAAeydkZXNjcic6ICc+aTInLCAnZm9ydHJhbl9vcmRlcic6IEZhbHNlLCAnc2hhcGUnOiAoMiwgMyksIH0gICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAABAAIAAwAEAAU=",
    );
    expect(readNpy(file)).toEqual({ dtype: "i2", shape: [2, 3], data: Int16Array.of(0, 1, 2, 3, 4, 5) });
  });

  const npy = (header: string, body: Uint8Array, version = 1): Uint8Array =>
    Uint8Array.of(
      0x93,
      ...utf8("NUMPY"),
      version,
      0,
      header.length & 255,
      header.length >> 8,
      ...utf8(header),
      ...body,
    );

  test("turns three axes of Fortran order by their definition", () => {
    const shape = [2, 3, 4] as const;
    const header = "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3, 4), }";
    const { data } = readNpy(
      npy(
        header,
        Uint8Array.from({ length: 24 }, (_, i) => i),
      ),
    );
    for (let i = 0; i < 2; i++)
      for (let j = 0; j < 3; j++)
        for (let k = 0; k < 4; k++) expect(data[(i * shape[1] + j) * shape[2] + k]).toBe(i + 2 * (j + 3 * k));
  });

  test("reads back what it writes, in every element type and rank", () => {
    const arrays: NdArray[] = [
      { dtype: "u1", shape: [3], data: Uint8Array.of(0, 1, 255) },
      { dtype: "b1", shape: [2], data: Uint8Array.of(0, 1) },
      { dtype: "i1", shape: [1, 1], data: Int8Array.of(-1) },
      { dtype: "u2", shape: [1], data: Uint16Array.of(65_535) },
      { dtype: "i2", shape: [1], data: Int16Array.of(-2) },
      { dtype: "u4", shape: [1], data: Uint32Array.of(2 ** 32 - 1) },
      { dtype: "i4", shape: [], data: Int32Array.of(-3) },
      { dtype: "u8", shape: [1], data: BigUint64Array.of(2n ** 64n - 1n) },
      { dtype: "i8", shape: [2], data: BigInt64Array.of(-5n, 2n ** 40n) },
      { dtype: "f4", shape: [2, 1, 1], data: Float32Array.of(0.5, -0.25) },
      { dtype: "f8", shape: [0, 4], data: new Float64Array(0) },
    ];
    for (const array of arrays) {
      const file = writeNpy(array);
      expect((file.length - array.data.byteLength) % 64).toBe(0);
      expect(readNpy(file)).toEqual(array);
    }
  });

  test.for([
    ["an object array", "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", /\|O is not read/],
    ["a record", "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", /\(a record\) is not read/],
    ["half floats", "{'descr': '<f2', 'fortran_order': False, 'shape': (1,), }", /<f2 is not read/],
    [
      "a claim beyond the bytes",
      "{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999,), }",
      /8 bytes follow/,
    ],
    [
      "a product beyond all numbers",
      `{'descr': '<f8', 'fortran_order': False, 'shape': (${"9999999999,".repeat(40)}), }`,
      /claims/,
    ],
    [
      "a product that hides in a zero",
      `{'descr': '<f8', 'fortran_order': False, 'shape': (${"9999999999,".repeat(40)}0,), }`,
      /claims/,
    ],
    [
      "a size beyond integers",
      "{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999,), }",
      /impossible/,
    ],
    ["trailing bytes", "{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }", /5 bytes follow the array/],
    ["no shape", "{'descr': '|u1', 'fortran_order': False}", /no shape/],
    ["no order", "{'descr': '|u1', 'shape': (8,)}", /fortran_order/],
  ] as const)("refuses %s", ([, header, message]) => {
    expect(() => readNpy(npy(header, ramp(8)))).toThrow(message);
  });

  test("refuses unknown versions and mutated headers in an orderly way", () => {
    expect(() => readNpy(npy("{}", ramp(8), 4))).toThrow(/version 4/);
    survivesMutation(writeNpy({ dtype: "f4", shape: [2, 2], data: new Float32Array(4) }), readNpy, 3);
  });
});

describe("NPZ", () => {
  test("reads a file that NumPy wrote (savez_compressed)", () => {
    const arrays = readNpz(
      base64(
        "UEsDBC0AAAAIAAAAIQBcIt3W//////////8FABQAeC5ucHkBABAAhAAAAAAAAABKAAAAAAAAAJvsF+obEMnIUMZQrZ6SWpxcpG6loF5Taqiuo6Cell9UUpSYF59flJIKEndLzClOBYoXZyQWpAL5GkY6CkaaOgq1CmQDLgZGJmYAUEsDBC0AAAAIAAAAIQBx+zmr//////////8FABQAeS5ucHkBABAAkAAAAAAAAABIAAAAAAAAAJvsF+obEMnIUMZQrZ6SWpxcpG6loG6TaaGuo6Cell9UUpSYF59flJIKEndLzClOBYoXZyQWpAL5GkY6mjoKtQoUAC5GBlQAAFBLAQItAy0AAAAIAAAAIQBcIt3WSgAAAIQAAAAFAAAAAAAAAAAAAACAAQAAAAB4Lm5weVBLAQItAy0AAAAIAAAAIQBx+zmrSAAAAJAAAAAFAAAAAAAAAAAAAACAAYEAAAB5Lm5weVBLBQYAAAAAAgACAGYAAAAAAQAAAAA=",
      ),
    );
    expect(arrays.get("x")).toEqual({ dtype: "u1", shape: [2, 2], data: Uint8Array.of(0, 1, 2, 3) });
    expect(arrays.get("y")).toEqual({ dtype: "i8", shape: [2], data: BigInt64Array.of(1n, 0n) });
  });

  const x: NdArray = { dtype: "f4", shape: [500], data: Float32Array.from({ length: 500 }, (_, i) => i / 7) };

  test("reads back what it writes; the same arrays give the same bytes", () => {
    const file = writeNpz({ x, "layer/0": { dtype: "i4", shape: [1], data: Int32Array.of(4) } });
    expect(readNpz(file).get("x")).toEqual(x);
    expect([...readNpz(file).keys()]).toEqual(["x", "layer/0"]);
    expect(writeNpz({ x })).toEqual(writeNpz({ x }));
  });

  test("reads stored entries and skips what is no array", () => {
    const file = zipSync({ "readme.txt": utf8("hello"), "x.npy": [writeNpy(x), { level: 0 }] });
    expect([...readNpz(file)]).toEqual([["x", x]]);
  });

  test("bounds the sum of all entries", () => {
    const zeros: NdArray = { dtype: "u1", shape: [3_000_000], data: new Uint8Array(3_000_000) };
    const bomb = writeNpz({ a: zeros, b: zeros });
    expect(bomb.length).toBeLessThan(20_000);
    expect(() => readNpz(bomb, { maxBytes: 4_000_000 })).toThrow(/limit/);
  });

  test("refuses an entry whose directory lies about its size, and damage", () => {
    const file = writeNpz({ x });
    const view = new DataView(file.buffer);
    const directory = view.getUint32(file.length - 22 + 16, true);
    const short = file.slice();
    new DataView(short.buffer).setUint32(directory + 24, 100, true);
    expect(() => readNpz(short)).toThrow(/more than 100 bytes/);
    const flipped = file.slice();
    flipped[200]! ^= 4;
    expect(() => readNpz(flipped)).toThrow(FormatError);
    expect(() => readNpz(utf8("PK"))).toThrow(/no ZIP/);
    survivesMutation(file, readNpz, 4);
  });
});

describe("CSV", () => {
  test("reads plain numbers", () => {
    expect(readCsv(utf8("1,2.5,-3e2\r\n4, 5 ,6\n\n"))).toEqual({
      values: Float32Array.of(1, 2.5, -300, 4, 5, 6),
      rows: 2,
      features: 3,
    });
  });

  test("finds the header and the column called label", () => {
    const table = readCsv(utf8('\uFEFFa;"Label";"b;c"\n0.5;2;1\n0.25;0;3\n'));
    expect(table).toEqual({
      values: Float32Array.of(0.5, 1, 0.25, 3),
      rows: 2,
      features: 2,
      columns: ["a", "b;c"],
      labels: Int32Array.of(2, 0),
    });
  });

  test("of several columns whose names say labels, the one called label is it, wherever it stands", () => {
    const { labels, columns } = readCsv(utf8("x,y,Label\n1,13,2\n3,14,0"));
    expect([...labels!]).toEqual([2, 0]);
    expect(columns).toEqual(["x", "y"]);
    expect([...readCsv(utf8("y,class\n5,1")).labels!]).toEqual([1]);
  });

  test.for([
    ["first" as const, [2, 1], [10, 20, 30, 40]],
    ["last" as const, [20, 40], [2, 10, 1, 30]],
    ["none" as const, undefined, [2, 10, 20, 1, 30, 40]],
    [{ column: "q" }, [10, 30], [2, 20, 1, 40]],
  ] as const)("takes the label column as stated: %o", ([label, labels, values]) => {
    const table = readCsv(utf8("p,q,r\n2,10,20\n1,30,40"), { label });
    expect(table.labels && [...table.labels]).toEqual(labels);
    expect([...table.values]).toEqual(values);
  });

  test("numbers names of classes in sorted order", () => {
    const table = readCsv(utf8("x,class\n1,setosa\n2,virginica\n3,setosa\n"));
    expect(table.classNames).toEqual(["setosa", "virginica"]);
    expect([...table.labels!]).toEqual([0, 1, 0]);
  });

  test("takes the first of 785 columns for the label", () => {
    const table = readCsv(utf8(`7,${new Array(784).fill(1).join(",")}`));
    expect(table).toMatchObject({ features: 784, labels: Int32Array.of(7) });
  });

  test.for([
    ["1,2\n\n3", /line 3 has 1 cells, the first line has 2/],
    ["1,2\n3,x", /line 2, column 2: "x" is no finite number/],
    ["a,b\n3,", /line 2, column 2 \("b"\): "" is no finite number/],
    ["1,2\n3,Infinity", /line 2, column 2/],
    ['1,"2\n3,4', /line 1 has an opening quote/],
    ["", /no lines/],
    ["a,b\n", /no values/],
  ] as const)("names the line that is wrong in %j", ([text, message]) => {
    expect(() => readCsv(utf8(text))).toThrow(message);
  });

  test("names the columns that are there when the label column is not", () => {
    expect(() => readCsv(utf8("a,b\n1,2"), { label: { column: "c" } })).toThrow(/columns are a, b/);
  });
});

describe("labels and values", () => {
  const array = (dtype: DType, data: NdArray["data"]): NdArray => ({ dtype, shape: [data.length], data });

  test("converts whole numbers of any type to labels and refuses others", () => {
    expect(toLabels("NPY", array("i8", BigInt64Array.of(3n, 0n)))).toEqual(Int32Array.of(3, 0));
    expect(toLabels("NPY", array("f4", Float32Array.of(2)))).toEqual(Int32Array.of(2));
    expect(() => toLabels("NPY", array("f4", Float32Array.of(1, 0.5)))).toThrow(/label 1 is 0.5/);
    expect(() => toLabels("NPY", array("i1", Int8Array.of(-1)))).toThrow(/label 0 is -1/);
    expect(toFloat32(array("i8", BigInt64Array.of(-3n)))).toEqual(Float32Array.of(-3));
  });

  test("decodes views into Node's buffers, which share one pool", () => {
    const file = Buffer.from(writeNpy(array("f4", Float32Array.of(1, 2))));
    const pooled = Buffer.concat([Buffer.from([1, 2, 3]), file]).subarray(3);
    expect(readNpy(pooled).data).toEqual(Float32Array.of(1, 2));
  });
});
