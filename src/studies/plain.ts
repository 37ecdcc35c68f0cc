/** Options as JSON has them: what is undefined is not there. */
export const plainOf = (value: unknown) => JSON.parse(JSON.stringify(value)) as Record<string, never>;
