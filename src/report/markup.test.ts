import { expect, test } from "vitest";
import { escapeHtml, html, trusted } from "./markup.ts";

test("escapes every value that is not markup", () => {
  const name = `<img src=x onerror="alert('1')">&`;
  expect(html`<b title="${name}">${name}</b>`.source).toBe(
    '<b title="&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;&amp;">&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;&amp;</b>',
  );
});

test("keeps markup, joins lists and leaves nothing for null", () => {
  expect(html`<ul>${["a", "<"].map((x) => html`<li>${x}</li>`)}${null}${trusted("<hr>")}${3}</ul>`.source).toBe(
    "<ul><li>a</li><li>&lt;</li><hr>3</ul>",
  );
});

test("shows the characters that hide or reverse text", () => {
  expect(escapeHtml("safe\u202egnp.exe\u0000\u001b[31m")).toBe("safe\ufffdgnp.exe\ufffd\ufffd[31m");
  expect(escapeHtml("two\nlines")).toBe("two\nlines");
});
