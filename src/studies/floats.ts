/** The shortest decimals that are these float32 numbers. */
export const floats = (values: Float32Array): number[] =>
  Array.from(values, (value) => {
    for (let digits = 6; digits < 9; digits++) {
      const short = Number(value.toPrecision(digits));
      if (Math.fround(short) === value) return short;
    }
    return Number(value.toPrecision(9));
  });
