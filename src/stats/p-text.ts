/** Below it only the bound is said: chance is not known better, and "p = 0" is never true. */
const SMALLEST = 0.001;

/** "= 0.032", "< 0.001": two digits. @param space between sign and number, such as one that does not break */
export const relationText = (p: number, space = " "): string =>
  p < SMALLEST ? `<${space}${SMALLEST}` : `=${space}${Number(p.toPrecision(2))}`;

/** "p = 0.032", "p < 0.001" */
export const pText = (p: number, space = " "): string => `p${space}${relationText(p, space)}`;
