// The mock's script: what it may say, and in which words it is refused.
import { expect, it } from "vitest";
import { parseMockScript } from "../../contracts/mock-script.ts";

it("reads rules with everything in them", () => {
  const rule = {
    agent: "a",
    turn: 1,
    contains: "x",
    say: "{{input}}",
    call: [{ tool: "t", arguments: { q: "{{last}}" } }],
    tokens: { input: 1, output: 2 },
    latency: "200ms",
    fail: { code: "rate_limited", times: 2 },
  };
  expect(parseMockScript(JSON.stringify([rule, {}]))).toEqual({ outcome: "ok", rules: [rule, {}] });
});

it.each([
  ["say: hi", ["it is not JSON"]],
  ["{}", ["the script: must be array"]],
  ['[{"sey": "x"}]', ["[0]: `sey` is not a field of a rule"]],
  [
    '[{"turn": 0, "latency": "soon"}]',
    ["[0].turn: must be >= 1", expect.stringMatching(/^\[0\]\.latency: must match pattern/)],
  ],
])("refuses %s", (text, problems) => {
  expect(parseMockScript(text)).toEqual({ outcome: "invalid", problems });
});
