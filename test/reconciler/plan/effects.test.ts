// What a change of a tool, a server, a model or a memory means for what is started, opened and reached, where people look.
import { expect, it } from "vitest";
import type { KindName } from "../../../contracts/address.ts";
import { effectsOf } from "../../../reconciler/plan/effects.ts";
import { renderPlanMarkdown } from "../../../reconciler/plan/render-markdown.ts";
import { renderPlanText } from "../../../reconciler/plan/render-text.ts";
import { planCheck } from "../../../reconciler/report/plan-check.ts";
import { BASE, manifest, NOW, observed, plan, source } from "./builders.ts";

function planOf(kind: KindName, before: object, after: object) {
  const [was, is] = [before, after].map((spec) => manifest(kind, "x", { ...spec }));
  if (was === undefined || is === undefined) throw new Error("no manifests");
  return plan({ source: source([is]), observed: observed([was]) });
}

const PROTO = 'syntax = "proto3";\nservice S { rpc M (A) returns (A); }\n';
const wasm = (more: object) => ({ type: "wasm", wasm: { module: "a.wasm", sha256: "a".repeat(64), ...more } });
const grpc = (more: object, endpoint = "a.example:443") => ({
  type: "grpc",
  endpoint,
  grpc: { service: "S", method: "M", proto: PROTO, ...more },
});
const callback = (more: object) => ({ type: "webhook-callback", endpoint: "https://a.example", ...more });
const SIGNED = { auth: { profile: "hmac", secret_ref: "s" } };

it.each<[KindName, object, object, string[]]>([
  [
    "Tool",
    wasm({}),
    wasm({ sha256: "b".repeat(64) }),
    ["it runs another module: runners start only the one that has the new digest"],
  ],
  [
    "Tool",
    grpc({}),
    grpc({ proto: PROTO.replace("(A);", "(B);"), plaintext: true }, "b.example:443"),
    [
      "its calls go to another place",
      "it calls another method, or with other messages: arguments are checked against the new ones",
      "its calls are no longer encrypted",
    ],
  ],
  ["Tool", grpc({ plaintext: true }), grpc({}), ["its calls are encrypted from now on"]],
  ["Tool", callback({ callback: SIGNED }), callback({}), ["an answer that is sent to us has less to prove"]],
  [
    "Tool",
    callback({}),
    callback({ callback: { ...SIGNED, poll_interval: "0s" } }),
    ["an answer that is sent to us has to prove otherwise that it is genuine", "it is no longer asked for its answers"],
  ],
  [
    "Tool",
    callback({ callback: { poll_interval: "2s" } }),
    callback({ callback: { poll_interval: "5s" } }),
    ["it is asked for its answers at other times"],
  ],
  [
    "Tool",
    { type: "cli", cli: { command: "a", args: ["x"], image: "i:1" } },
    { type: "cli", cli: { command: "b", args: ["x", "y"], image: "i:2", network: "host", env: { A: "1" } } },
    [
      "it runs another program",
      "its program gets other arguments",
      "its program runs from another image",
      "it runs within other walls",
      "it is given other values or credentials",
    ],
  ],
  ["Tool", { type: "http", endpoint: "https://a" }, { type: "http", endpoint: "https://a", description: "x" }, []],
  [
    "McpServer",
    { transport: "stdio", command: "a" },
    { transport: "stdio", image: "i:1" },
    ["it runs another program", "it runs from another image"],
  ],
  ["McpServer", { pins: { read: "a" } }, { pins: { read: "b" } }, ["other definitions of its tools count as reviewed"]],
  [
    "ModelEndpoint",
    { default_model: "m" },
    { default_model: "m", base_url: "https://a" },
    ["what is said to its model goes to another place"],
  ],
  ["Memory", { provider: "redis" }, { provider: "http", endpoint: "https://a" }, ["it is kept in another place"]],
  ["Agent", { model_ref: "a" }, { model_ref: "b" }, []],
])("of a %s from %j to %j are told", (kind, before, after, effects) => {
  expect(planOf(kind, before, after).changes.map(effectsOf)).toEqual([effects]);
});

it("are not told of what is new, or goes", () => {
  const tool = manifest("Tool", "x", wasm({}));
  const made = plan({ source: source([tool]), observed: observed([]) });
  const pruned = plan({ source: source([]), observed: observed([tool]) });
  expect([...made.changes, ...pruned.changes].map(effectsOf)).toEqual([[], []]);
});

it("stand in the plan, in its comment and in its check", () => {
  const made = planOf("Tool", wasm({}), wasm({ sha256: "b".repeat(64) }));
  const effect = "it runs another module: runners start only the one that has the new digest";
  const text = renderPlanText(made, { paint: (_, words) => words, base: BASE, now: NOW, commit: null });
  expect(text).toContain(`\n      ! ${effect}\n`);
  expect(renderPlanMarkdown(made, { head: "9f8e7d6", base: BASE })).toContain(`> **Reach** \`Tool/x\`: ${effect}`);
  expect(planCheck(made, { base: BASE, now: NOW }).summary).toContain(`\`Tool/x\`: ${effect}`);
});
