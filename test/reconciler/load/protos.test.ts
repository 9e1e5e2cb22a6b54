// The `.proto` of a grpc tool, checked where its manifest is read: what is wrong is told at its line, and nothing of the
// parser is loaded for sets without one.
import { createRequire } from "node:module";
import { expect, it } from "vitest";
import { readKnownFile } from "../../../reconciler/load/known-file.ts";
import { runAtOnce } from "../../../reconciler/load/pacer.ts";
import { createReadingKit } from "../../../reconciler/load/read-file.ts";
import { cpuClock } from "../../cpu-clock.ts";
import { load, told } from "./files.ts";

const PROTO = `syntax = "proto3";
package orders.v1;
import "google/protobuf/timestamp.proto";
service Orders {
  rpc Find (Asked) returns (Found);
  rpc Watch (Asked) returns (stream Found);
}
message Asked { string word = 1; }
message Found { repeated string ids = 1; google.protobuf.Timestamp at = 2; }
`;

function tool(proto: string, fields = "service: orders.v1.Orders\n    method: Find"): string {
  const block = proto.replace(/^(?=.)/gm, "      ");
  return `apiVersion: countwheel.dev/v1\nkind: Tool\nmetadata: {name: t}\nspec:\n  type: grpc\n  endpoint: a.example:443\n  grpc:\n    ${fields}\n    proto: |\n${block}`;
}

const isLoaded = (): boolean =>
  Object.keys(createRequire(import.meta.url).cache).some((file) => file.includes("node_modules/protobufjs/"));

it("costs nothing where no tool has one", async () => {
  expect(told(await load("kind: Tool\nmetadata: {name: t}\nspec: {type: grpc, endpoint: 'a.example:443'}\n"))).toEqual(
    [],
  );
  expect(isLoaded()).toBe(false);
  expect(told(await load(tool(PROTO)))).toEqual([]);
  expect(isLoaded()).toBe(true);
});

it.each([
  [
    "its text",
    tool(PROTO.replace("ids = 1;", "ids = 1")),
    "error SCHEMA 19:7 `proto` cannot be read: illegal token 'google.protobuf.Timestamp', ';' expected",
  ],
  [
    "a type",
    tool(PROTO.replace("(Found);", "(Fund);")),
    "error SCHEMA 10:12 `proto` cannot be read: no such type: Fund",
  ],
  [
    "an import",
    tool(`import "other.proto";\n${PROTO}`),
    "error SCHEMA 10:12 `proto` cannot be read: it imports `other.proto`: write it into the text",
  ],
  [
    "its service",
    tool(PROTO, "service: orders.v1.Order\n    method: Find"),
    "error SCHEMA 8:14 `proto` has no service `orders.v1.Order`",
  ],
  [
    "its method",
    tool(PROTO, "service: orders.v1.Orders\n    method: Seek"),
    "error SCHEMA 9:13 orders.v1.Orders has no method `Seek`",
  ],
  [
    "a stream",
    tool(PROTO, "service: orders.v1.Orders\n    method: Watch"),
    "error SCHEMA 9:13 orders.v1.Orders/Watch streams, and a tool is called once and answers once",
  ],
])("is a problem at its line where %s is wrong", async (_what, text, problem) => {
  expect(told(await load(text))).toEqual([problem]);
});

it("says which method and service there is instead", async () => {
  const { problems } = await load(
    tool(PROTO, "service: orders.v1.Order\n    method: Find"),
    tool(PROTO, "service: orders.v1.Orders\n    method: Seek").replace("name: t", "name: u"),
  );
  expect(problems.map(({ detail }) => detail)).toEqual([
    "Did you mean `orders.v1.Orders`?",
    "There are `Find`, `Watch`.",
  ]);
});

it("names the line in words where the text stands on one", async () => {
  const spec = { type: "grpc", endpoint: "a.example:443", grpc: { service: "a.B", method: "C", proto: "\nmessage {" } };
  const json = JSON.stringify({ apiVersion: "countwheel.dev/v1", kind: "Tool", metadata: { name: "t" }, spec });
  expect(told(await load(json))).toEqual([
    expect.stringMatching(/^error SCHEMA 1:\d+ `proto` .*illegal .*\(line 2\)$/),
  ]);
});

it.each([
  ["nested without end", `syntax = "proto3";${"message A {".repeat(2_900)}`, "max depth exceeded"],
  ["long", `syntax = "proto3";\n${"message A { string a = 1; }\n".repeat(9_000)}`, "too long to be checked here"],
  ["full of words", `syntax = "proto3";\n${"a ".repeat(16_000)}`, "illegal token"],
])("is told in bounded time where it is %s", (_what, proto, said) => {
  const bytes = Buffer.from(tool(proto));
  const kit = createReadingKit();
  const spentMs = cpuClock();
  const { problems } = runAtOnce(readKnownFile(bytes, kit));
  expect(spentMs()).toBeLessThan(1_000);
  expect(problems.map(({ summary }) => summary).join()).toContain(said);
});
