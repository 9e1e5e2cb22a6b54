// Templates of arguments: what they come to, and what is no template.
import { describe, expect, it } from "vitest";
import { fieldsOf, parseArgumentTemplate, renderPieces } from "../../contracts/argument-template.ts";

function render(template: string, input: Readonly<Record<string, unknown>>): string {
  const parsed = parseArgumentTemplate(template);
  if (parsed.outcome === "problem") return `problem: ${parsed.problem}`;
  return renderPieces(parsed.nodes, input)
    .map(({ text }) => text)
    .join("");
}

describe("a template of an argument", () => {
  it.each([
    ["get", {}, "get"],
    ["{{.name}}", { name: "a b; rm -rf /" }, "a b; rm -rf /"],
    ["{{ .name }}", { name: "x" }, "x"],
    ["--id={{.order.id}}", { order: { id: "A-17" } }, "--id=A-17"],
    ["{{$.name}}", { name: "x" }, "x"],
    ["{{.n}}/{{.yes}}", { n: 1.5, yes: true }, "1.5/true"],
    ["{{.list}}", { list: ["a", { b: 1 }] }, '["a",{"b":1}]'],
    ["{{.}}", { a: 1 }, '{"a":1}'],
    ["{{.missing}}", {}, ""],
    ["{{.nothing}}", { nothing: null }, ""],
    ["{{.name.length}}", { name: "text" }, ""],
    ["{{.constructor}}{{.__proto__}}", {}, ""],
    ["{{if .v}}-v{{end}}", { v: true }, "-v"],
    ["{{if .v}}-v{{end}}", {}, ""],
    ["{{if .v}}yes{{else}}no{{end}}", { v: [] }, "no"],
    ["{{if .a}}{{if .b}}ab{{else}}a{{end}}{{end}}", { a: 1, b: 0 }, "a"],
    ["{{if .a}}{{.a}}{{end}}", { a: "{{.b}}", b: "never" }, "{{.b}}"],
    ["a {{- .x -}} b", { x: "-" }, "a-b"],
  ])("%s over %j is %s", (template, input, text) => {
    expect(render(template, input)).toBe(text);
  });

  it.each([
    ["{{.a", "braces that are no tag"],
    ["a}}", "braces that are no tag"],
    ["{{range .a}}x{{end}}", "not understood"],
    ["{{printf .a}}", "not understood"],
    ["{{.a | upper}}", "not understood"],
    ["{{}}", "not understood"],
    ["{{.a-b}}", "not understood"],
    ["{{if .a}}x", "no `{{end}}`"],
    ["x{{end}}", "no `{{if}}`"],
    ["{{else}}", "no `{{if}}`"],
    ["{{if .a}}x{{else}}y{{else}}z{{end}}", "no `{{if}}`"],
    [`${"{{if .a}}".repeat(9)}${"{{end}}".repeat(9)}`, "within each other"],
    ["x".repeat(5_000), "longer than"],
  ])("%s is a problem", (template, what) => {
    expect(render(template, {})).toContain(what);
  });

  it("tells the fields that it names", () => {
    const parsed = parseArgumentTemplate("{{.a.b}} {{if .c}}{{.d}}{{else}}{{.e}}{{end}} {{.}}");
    expect(parsed.outcome === "parsed" && fieldsOf(parsed.nodes)).toEqual(["a", "c", "d", "e"]);
  });
});
