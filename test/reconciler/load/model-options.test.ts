// Options of model endpoints: those that nobody would hand on are named, before a task waits for them in vain.
import { expect, test } from "vitest";
import { load, told } from "./files.ts";

function endpoint(
  provider: string,
  options: Readonly<Record<string, string>>,
  apiVersion = "countwheel.dev/v1",
): string {
  return JSON.stringify({
    apiVersion,
    kind: "ModelEndpoint",
    metadata: { name: "m" },
    spec: { provider, base_url: "http://127.0.0.1", default_model: "x", options },
  });
}

test.each([
  ["openai", { temprature: "1" }, "provider `openai` has no option `temprature`"],
  ["anthropic", { api_version: "2" }, "provider `anthropic` has no option `api_version`"],
  ["openai", { temperature: "warm" }, "`temperature` is not a number"],
  ["ollama", { stream: "maybe" }, "`stream` is not true or false"],
  ["anthropic", { thinking: "{oops" }, "`thinking` is not JSON"],
  ["gemini", {}, "there is no provider `gemini`"],
])("%s with %j is told", async (provider, options, summary) => {
  const strict = await load(endpoint(provider, options));
  expect(told(strict)).toMatchObject([expect.stringMatching(/^error SCHEMA /)]);
  expect(strict.problems[0]?.summary).toBe(summary);
  expect(told(await load(endpoint(provider, options, "orloj.dev/v1")))).toMatchObject([
    expect.stringMatching(/^warning SCHEMA /),
  ]);
});

test("a slip gets the nearest name, and its line", async () => {
  const { problems } = await load(endpoint("openai", { temprature: "1" }));
  expect(problems[0]).toMatchObject({ detail: "Did you mean `temperature`? It is not handed on.", line: 1 });
});

test("an endpoint whose provider has no address of its own needs one", async () => {
  const text =
    "apiVersion: countwheel.dev/v1\nkind: ModelEndpoint\nmetadata: {name: m}\nspec: {provider: azure-openai, default_model: d}\n";
  expect((await load(text)).problems[0]?.summary).toBe("provider `azure-openai` needs a `base_url`");
});

test("the mock bears the options of whatever it stands in for", async () => {
  const options = { temperature: "0.2", api_version: "2024-10-21", thinking: '{"type":"adaptive"}', script: "[]" };
  expect(told(await load(endpoint("mock", options)))).toEqual([]);
});
