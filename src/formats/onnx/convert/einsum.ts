/** @file Einsum, as transpositions, sums and matrix products. */

import { type Dim, elements } from "../../../graph/dims.ts";
import type { Value } from "../../../graph/types.ts";
import { mul, reshape } from "../../../ops/rules.ts";
import type { OnnxNode } from "../node.ts";
import { takeAxis } from "./movement.ts";
import type { ConverterTable } from "./types.ts";

/** A value whose axes have names; an axis of an ellipsis is called "1", "2", … from the last. */
interface Term {
  readonly value: Value;
  readonly labels: readonly string[];
}

function labelsOf(n: OnnxNode, text: string, rank: number): string[] {
  const named = text.replace("...", "");
  const open = text.includes("...") ? rank - named.length : 0;
  if (!/^[A-Za-z]*$/.test(named) || open < 0 || named.length + open !== rank)
    throw n.error(`its equation's "${text}" does not fit ${rank} axes`);
  const dots = Array.from({ length: open }, (_, i) => String(open - i));
  return text.includes("...")
    ? [...text.slice(0, text.indexOf("...")), ...dots, ...text.slice(text.indexOf("...") + 3)]
    : [...text];
}

/** A label that occurs twice stands for the diagonal of its two axes. */
function diagonal(n: OnnxNode, term: Term): Term {
  const { value, labels } = term;
  const first = labels.findIndex((label, i) => labels.indexOf(label, i + 1) >= 0);
  if (first < 0) return term;
  const second = labels.indexOf(labels[first]!, first + 1);
  const size = n.fixed(value.shape, first);
  if (n.fixed(value.shape, second) !== size) throw n.error(`"${labels[first]}" has two sizes`);
  const others = labels.flatMap((_, i) => (i === first || i === second ? [] : [i]));
  const kept = others.map((i) => value.shape[i]!);
  const last = n.b.emit("Transpose", [value], { perm: [...others, first, second] });
  const flat = reshape(n.b, last, [...kept, size * size]);
  const places = Array.from({ length: size }, (_, i) => i * (size + 1));
  const taken = n.toValue(takeAxis(n, flat, kept.length, places));
  return diagonal(n, { value: taken, labels: [...others.map((i) => labels[i]!), labels[first]!] });
}

function sumAway(n: OnnxNode, { value, labels }: Term, keep: (label: string) => boolean): Term {
  const axes = labels.flatMap((label, i) => (keep(label) ? [] : [i]));
  if (axes.length === 0) return { value, labels };
  return { value: n.b.emit("ReduceSum", [value], { axes, keepdims: false }), labels: labels.filter(keep) };
}

function arrange(n: OnnxNode, { value, labels }: Term, order: readonly string[]): Value {
  const perm = order.map((label) => labels.indexOf(label));
  return perm.every((axis, i) => axis === i) ? value : n.b.emit("Transpose", [value], { perm });
}

const sizesOf = ({ value, labels }: Term, order: readonly string[]): Dim[] =>
  order.map((label) => value.shape[labels.indexOf(label)]!);

/** The product of two terms, summed over the labels that nothing else needs. */
function contract(n: OnnxNode, a: Term, b: Term, keep: (label: string) => boolean): Term {
  const shared = a.labels.filter((label) => b.labels.includes(label));
  const batch = shared.filter(keep);
  const summed = shared.filter((label) => !keep(label));
  for (const label of summed)
    if (sizesOf(a, [label])[0] !== sizesOf(b, [label])[0]) throw n.error(`"${label}" has two sizes`);
  const left = a.labels.filter((label) => !shared.includes(label));
  const right = b.labels.filter((label) => !shared.includes(label));
  const labels = [...batch, ...left, ...right];
  const [ones, more] = [left.map(() => 1), right.map(() => 1)];
  if (summed.length === 0) {
    const x = reshape(n.b, arrange(n, a, [...batch, ...left]), [...sizesOf(a, [...batch, ...left]), ...more]);
    const y = arrange(n, b, [...batch, ...right]);
    return { labels, value: mul(n.b, x, reshape(n.b, y, [...sizesOf(b, batch), ...ones, ...sizesOf(b, right)])) };
  }
  const inner = elements(sizesOf(a, summed));
  // the rows of the left operand stay axes of their own: a batch among them is not joined to others
  const rows = sizesOf(a, left);
  const x = reshape(n.b, arrange(n, a, [...batch, ...left, ...summed]), [...sizesOf(a, batch), ...rows, 1, inner]);
  const columns = elements(sizesOf(b, right));
  const y = arrange(n, b, [...batch, ...summed, ...right]);
  const matrix = reshape(n.b, y, [...sizesOf(b, batch), ...(batch.length > 0 ? ones : []), inner, columns]);
  const product = n.b.emit("MatMul", [x, matrix]);
  const lead = product.shape.slice(0, batch.length);
  return { labels, value: reshape(n.b, product, [...lead, ...rows, ...sizesOf(b, right)]) };
}

function einsum(n: OnnxNode): Value {
  const [left = "", right] = n.string("equation").replace(/\s/g, "").split("->");
  const texts = left.split(",");
  if (texts.length !== n.arity) throw n.error(`its equation has ${texts.length} terms for ${n.arity} inputs`);
  const terms = texts.map((text, i): Term => {
    const value = n.value(i);
    return diagonal(n, { value, labels: labelsOf(n, text, value.shape.length) });
  });
  const all = texts.flatMap((text, i) => labelsOf(n, text, n.value(i).shape.length));
  const dots = [...new Set(all.filter((label) => /\d/.test(label)))].sort((p, q) => Number(q) - Number(p));
  const once = () =>
    [...new Set(all)].filter((label) => /[A-Za-z]/.test(label) && all.filter((l) => l === label).length === 1);
  const output =
    right === undefined
      ? [...dots, ...once().sort()]
      : right.includes("...")
        ? labelsOf(n, right, right.length - 3 + dots.length)
        : [...right];
  if (new Set(output).size !== output.length || output.some((label) => !all.includes(label)))
    throw n.error(`its equation's "${right}" does not fit`);
  const result = terms.slice(1).reduce((product, term, i) => {
    const later = new Set([...output, ...terms.slice(i + 2).flatMap(({ labels }) => labels)]);
    const needed = (other: Term) => (label: string) => later.has(label) || other.labels.includes(label);
    const [a, b] = [sumAway(n, product, needed(term)), sumAway(n, term, needed(product))];
    // the operand with the batch comes first
    const batched = (x: Term) => x.value.shape.some((dim) => typeof dim !== "number");
    return batched(b) && !batched(a)
      ? contract(n, b, a, (label) => later.has(label))
      : contract(n, a, b, (label) => later.has(label));
  }, terms[0]!);
  return arrange(
    n,
    sumAway(n, result, (label) => output.includes(label)),
    output,
  );
}

export const sums: ConverterTable = { Einsum: einsum };
