/** @file A chart as a file of its own, to be shown by pages that have no style sheet of ours. */

/** The page's light colours, on white paper: readable in dark surroundings too. */
const COLOURS: Readonly<Record<string, string>> = {
  paper: "#fff",
  ink: "#16191f",
  muted: "#5a6270",
  line: "#dfe3e9",
  attacked: "#c2410c",
  certified: "#0f6fae",
  clean: "#6b7482",
  undecided: "#a9b0bb",
  "undecided-soft": "#eceef2",
};

/** @throws Error for a colour that is not known here */
export function standaloneSvg(svg: string): string {
  const coloured = svg.replaceAll(/var\(--([\w-]+)\)/g, (_, name: string) => {
    const known = COLOURS[name];
    if (known === undefined) throw new Error(`no colour --${name} for a chart in a file of its own`);
    return known;
  });
  const spaced = coloured.includes('xmlns="')
    ? coloured
    : coloured.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ');
  const start = spaced.indexOf(">") + 1;
  return `${spaced.slice(0, start)}<rect width="100%" height="100%" fill="#fff"></rect>${spaced.slice(start)}\n`;
}
