import { describeVerb } from "../verb.ts";

export const reportVerb = describeVerb({
  name: "report",
  argument: "results",
  argumentHelp: "report.json of an audit",
  summary: "make the page of an audit again from its results",
  details: "Writes index.html, and what build systems read, beside the results, or into the folder --out.",
  options: ["out", "json"],
});
