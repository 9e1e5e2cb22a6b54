// What a Tool needs by its type, and what has no effect on it.
import { describe, expect, it } from "vitest";
import { load } from "./files.ts";

async function told(spec: string): Promise<string[]> {
  const { problems } = await load(`apiVersion: countwheel.dev/v1\nkind: Tool\nmetadata: {name: t}\nspec: {${spec}}\n`);
  return problems.map(({ severity, line, column, summary }) => `${severity} ${line}:${column} ${summary}`);
}

describe("a Tool", () => {
  it.each([
    ["type: http", ["error 4:1 an `http` tool needs an `endpoint`"]],
    ["type: external", ["error 4:1 an `external` tool needs an `endpoint`"]],
    ["type: external, endpoint: 'tools.example.com:80'", ["error 4:34 `endpoint` is no address of HTTP"]],
    ["type: external, endpoint: 'https://tools.example.com/run'", []],
    [
      "type: external, endpoint: 'https://a.example', wasm: {module: m.wasm}",
      ["error 4:61 `wasm` has no effect on a tool of type `external`"],
    ],
    [
      "endpoint: 'https://a.example', cli: {command: x}, mcp_server_ref: m",
      [
        "error 4:44 `cli` has no effect on a tool of type `http`",
        "error 4:74 `mcp_server_ref` has no effect on a tool of type `http`",
      ],
    ],
    ["type: wasm", ["error 4:1 a `wasm` tool needs `wasm.module`"]],
    ["type: wasm, wasm: {module: m.wasm}", ["error 4:26 `wasm.sha256` is missing"]],
    [
      `type: wasm, wasm: {module: m, sha256: ${"a".repeat(64)}, fuel: 9, enable_wasi: false}, runtime: {isolation_mode: container}`,
      [
        "warning 4:118 `fuel` has no effect",
        "error 4:134 without WASI a module has neither input nor output",
        "error 4:168 a module does not run in `container`",
      ],
    ],
    ["type: grpc", ["error 4:1 a `grpc` tool needs an `endpoint`"]],
    ["type: grpc, endpoint: 'https://a.example'", ["error 4:30 `endpoint` is no host and port"]],
    [
      "type: grpc, endpoint: 'a.example:443', grpc: {proto: x}",
      ["error 4:53 `grpc.proto` needs `grpc.service` and `grpc.method`"],
    ],
    ["type: grpc, endpoint: '[::1]:443'", []],
    [
      "endpoint: 'https://a.example', callback: {poll_interval: 1s}",
      ["error 4:49 `callback` has no effect on a tool of type `http`"],
    ],
  ])("with {%s} has the problems %j", async (spec, problems) => {
    expect((await told(spec)).filter((line) => !line.includes("nothing declares"))).toEqual(problems);
  });
});
