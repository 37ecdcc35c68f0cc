import type { Glossary } from "../contract.ts";

export const GLOSSARY = {
  backdoor: {
    term: "Backdoor",
    text: "A hidden rule put into a model on purpose, usually through its training data: inputs that carry a certain mark, the trigger, get the answer its author chose. Everything else looks normal.",
  },
  pvalue: {
    term: "p-value",
    text: "Here: the share of clean models of the same kind that look at least as suspicious as this one. Small is suspicious; flagging at p ≤ 0.05 flags one clean model in twenty. It cannot be smaller than one over the number of clean models plus one.",
  },
  trigger: { term: "Trigger", text: "The mark that a backdoor reacts to, for example a small white patch." },
} as const satisfies Glossary;
