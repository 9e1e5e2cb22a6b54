// The `.proto` of a grpc tool, checked where its manifest is read: what is wrong is told at its line, and nothing of the
// parser is loaded for sets without one.
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
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

it("costs nothing where no tool has one", async () => {
  const folder = mkdtempSync(join(tmpdir(), "cw-protos-"));
  const program = join(folder, "load.mts");
  const without = "kind: Tool\nmetadata: {name: t}\nspec: {type: grpc, endpoint: 'a.example:443'}\n";
  // A process of its own: other tests have loaded it in this one.
  writeFileSync(
    program,
    `import { createRequire } from "node:module";
     import { load } from "${join(import.meta.dirname, "files.ts")}";
     const loaded = () => Object.keys(createRequire(import.meta.url).cache).some((file) => file.includes("/protobufjs/"));
     const told = [];
     for (const text of ${JSON.stringify([without, tool(PROTO)])}) {
       const { problems } = await load(text);
       told.push([problems.length, loaded()]);
     }
     process.stdout.write(JSON.stringify(told));`,
  );
  try {
    const { stdout } = await promisify(execFile)(process.execPath, ["--import", "tsx", program]);
    expect(JSON.parse(stdout)).toEqual([
      [0, false],
      [0, true],
    ]);
  } finally {
    rmSync(folder, { recursive: true });
  }
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
