// What the gate keeps of labels: on results, failures and begun writes; and that nobody pays where nothing is labelled.
import { expect, it } from "vitest";
import { PermanentFailure, TransientFailure } from "../../../contracts/failure.ts";
import { CarriedLabels } from "../../../runner/gate/carried.ts";
import type { Gate } from "../../../runner/gate/gate.ts";
import type { Tool } from "../../../runner/tools/tool.ts";
import { globalPolicy } from "../../policies/requests.ts";
import { MemoryRecorder, NEVER, openGate, postingTool, toolAsk } from "./desk.ts";

const FROM = "search (writer#1 m1.c1)";
const returning = (change: Partial<Tool> = {}): Tool =>
  postingTool("", { data: { returns: ["private"] }, call: async () => ({ text: "mail", isError: false }), ...change });

async function callOnce(gate: Gate): Promise<unknown> {
  const permission = await gate.requestTool(toolAsk());
  if (permission.outcome !== "permitted") throw new Error(permission.outcome);
  return gate.callTool(permission.permit, NEVER);
}

it("labels a result with its call, in the step, in the event and for what comes", async () => {
  const recorder = new MemoryRecorder();
  const carried = new CarriedLabels();
  const kept = { label: "untrusted", from: "fetch (other#1 m1.c1) in default/old" };
  const tool = returning({ call: async () => ({ text: "mail", isError: false, labels: [kept] }) });
  await callOnce(openGate({ tools: [tool], recorder, carried }));
  const labels = [{ label: "private", from: FROM }, kept];
  expect(carried.list()).toEqual(labels);
  expect(recorder.steps.get("m1.c1")?.tool).toEqual({ text: "mail", isError: false, labels });
  expect(recorder.events.find(({ type }) => type === "tool.answered")?.data).toMatchObject({
    labels: ["private", "untrusted"],
  });
});

it("labels a failure, whose text is the tool's, too", async () => {
  const carried = new CarriedLabels();
  const tool = returning({ call: () => Promise.reject(new PermanentFailure("TOOL_X", "your mail says …")) });
  await callOnce(openGate({ tools: [tool], carried }));
  expect(carried.list()).toEqual([{ label: "private", from: FROM }]);
});

it("labels a write before its result is there, so that one that a person tells has them", async () => {
  const recorder = new MemoryRecorder();
  const tool = returning({ effect: "write", call: () => Promise.reject(new TransientFailure("TOOL_X", "gone")) });
  expect(await callOnce(openGate({ tools: [tool], recorder }))).toMatchObject({ outcome: "unknown" });
  const step = recorder.steps.get("m1.c1");
  expect(step).toMatchObject({ state: "started", labels: [{ label: "private", from: FROM }] });
  expect(new CarriedLabels([], step === undefined ? [] : [step]).list()).toEqual([{ label: "private", from: FROM }]);
});

it("keeps the first origin of a label, and the same list whatever came first", () => {
  const one = { label: "b", from: "1" };
  const messages = [{ id: "m", from: "x", text: "", labels: [one, { label: "a", from: "2" }] }];
  const carried = new CarriedLabels(messages);
  carried.add([{ label: "B", from: "3" }]);
  expect(carried.list()).toEqual([{ label: "a", from: "2" }, one]);
});

it("records neither what manifests say of a tool nor what the trace says of calls, and no labels where there are none", async () => {
  const recorder = new MemoryRecorder();
  const sequence = [{ tools: ["search"], requires_before: ["look"] }];
  const history = { succeeded: ["look"], begun: ["look"] };
  await callOnce(openGate({ tools: [returning()], recorder, policies: [globalPolicy({ sequence })], history }));
  const [decided] = recorder.events.filter(({ type }) => type === "tool.decided");
  expect(decided?.data?.["request"]).toEqual({
    system: "reports",
    task: "weekly",
    tool: { name: "search", known: true, capabilities: [], operationClasses: ["read"] },
    usage: expect.anything(),
    realPaths: {},
  });
});

it("does not look for what was called before unless a rule is about the tool", async () => {
  const sequence = [{ tools: ["other"], requires_before: ["look"] }];
  const gate = openGate({ tools: [returning()], policies: [globalPolicy({ sequence })] });
  expect((await gate.requestTool(toolAsk())).outcome).toBe("permitted");
  const about = openGate({
    tools: [returning()],
    policies: [globalPolicy({ sequence: [{ ...sequence[0], tools: ["*"] }] })],
  });
  expect(await about.requestTool(toolAsk())).toMatchObject({ outcome: "denied", decision: { code: "POLICY_ERROR" } });
});
