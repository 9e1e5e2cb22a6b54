// Which values are secret, and that they are hidden without changing anything else.
import { expect, it } from "vitest";
import type { KindName } from "../../contracts/address.ts";
import type { Manifest } from "../../contracts/manifest.ts";
import { hideSensitive, sensitivePaths } from "../../contracts/sensitive.ts";

const manifest = (kind: KindName, spec: Record<string, unknown>): Manifest => ({
  apiVersion: "orloj.dev/v1",
  kind,
  metadata: { name: "x", namespace: "default", labels: {}, annotations: {} },
  spec,
});

it.each<[string, Manifest, string[]]>([
  [
    "every value of a Secret",
    manifest("Secret", { data: { "a/b": "x" }, string_data: { c: "y" } }),
    ["/spec/data/a~1b", "/spec/string_data/c"],
  ],
  [
    "nothing that only says where a secret is",
    manifest("Secret", { from: { token: { env: "API_TOKEN" } }, sealed: { password: "age…" } }),
    [],
  ],
  [
    "a variable named like a credential",
    manifest("McpServer", {
      env: [
        { name: "GITHUB_TOKEN", value: "x" },
        { name: "PORT", value: "1" },
        { name: "API_KEY", secret_ref: "s" },
      ],
    }),
    ["/spec/env/0/value"],
  ],
  [
    "an option named like one, not a limit on tokens",
    manifest("ModelEndpoint", { options: { api_key: "x", max_tokens: "1" } }),
    ["/spec/options/api_key"],
  ],
  ["text in the shape of a key", manifest("McpServer", { args: ["--auth", "ghp_0123456789"] }), ["/spec/args/1"]],
  ["an API token", manifest("McpServer", { args: [`cw_ci_${"x".repeat(43)}`, "cw_ci"] }), ["/spec/args/0"]],
  ["a password inside an address", manifest("Memory", { endpoint: "postgres://u:p@h/db" }), ["/spec/endpoint"]],
  ["no references", manifest("Tool", { auth: { secret_ref: "s" }, endpoint: "https://h/x" }), []],
])("finds %s", (_, value, paths) => {
  expect(sensitivePaths(value)).toEqual(paths);
});

it("hides them and nothing else", () => {
  const secret = manifest("Secret", { string_data: { a: "x" }, from: { b: { env: "B" } } });
  expect(hideSensitive(secret)).toEqual({
    ...secret,
    spec: { string_data: { a: "(sensitive)" }, from: { b: { env: "B" } } },
  });
  const agent = manifest("Agent", { model_ref: "m" });
  expect(hideSensitive(agent)).toBe(agent);
});
