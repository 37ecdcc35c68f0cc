import { describeVerb } from "../verb.ts";

export const methodsVerb = describeVerb({
  name: "methods",
  summary: "list all methods, or explain one",
  details: "What each method finds or proves, for which norms, and where it is published.",
  options: ["explain", "json"],
});
