// What a tool asks in the midst of a call stands in the trace before it is answered, and is not answered without.
import { expect, it } from "vitest";
import type { Elicited, NoteElicited } from "../../../contracts/elicited.ts";
import { LeaseLost } from "../../../contracts/failure.ts";
import { callTool } from "../../../runner/gate/door.ts";
import { MemoryRecorder, NEVER, openGate, postingTool, toolAsk } from "./desk.ts";

/** Calls a tool that asks by `work`, and answers what that came to. */
async function call(
  recorder: MemoryRecorder,
  work: (note: NoteElicited) => Promise<string>,
  secrets: readonly string[] = [],
): Promise<void> {
  const tool = postingTool("", {
    call: async (_, { noteElicited = () => Promise.reject(new Error("none")) }) => ({
      text: await work(noteElicited),
      isError: false,
    }),
  });
  const asked = await openGate({ tools: [tool], recorder, secrets }).requestTool(toolAsk());
  if (asked.outcome !== "permitted") throw new Error(asked.outcome);
  await callTool(asked.permit, NEVER);
}

const QUESTION: Elicited = { question: "Which size?", answer: "accept", content: { size: "m" } };

it("is recorded between the beginning of the call and its answer, with the decision that it belongs to", async () => {
  const recorder = new MemoryRecorder();
  await call(recorder, async (note) => {
    await note(QUESTION);
    expect(recorder.types().at(-1)).toBe("tool.elicited");
    await note({ question: "Delete all?", answer: "decline", why: "no field of it has a default" });
    return "x";
  });
  expect(recorder.types().slice(-4)).toEqual(["tool.called", "tool.elicited", "tool.elicited", "tool.answered"]);
  const [called, ...told] = recorder.events.slice(-4, -1).map(({ data }) => data ?? {});
  expect(told).toEqual([
    { tool: "search", ...QUESTION, decisionId: called?.["decisionId"] },
    expect.objectContaining({ question: "Delete all?", answer: "decline", why: "no field of it has a default" }),
  ]);
});

it("holds no secret", async () => {
  const secret = "sk-a-secret-that-a-server-knows";
  const recorder = new MemoryRecorder();
  const question = `use ${secret}?`;
  await call(
    recorder,
    async (note) => {
      await note({ question, answer: "accept", content: { key: secret } });
      await note({ question, answer: "decline", why: secret });
      return "x";
    },
    [secret],
  );
  const told = recorder.events.filter(({ type }) => type === "tool.elicited");
  expect(JSON.stringify(told)).toContain("use [secret]?");
  expect(JSON.stringify(told)).not.toContain(secret);
});

it("may be asked twenty times, and nothing after the call is over", async () => {
  const recorder = new MemoryRecorder();
  let late: NoteElicited = () => Promise.resolve();
  await call(recorder, async (note) => {
    late = note;
    for (let count = 1; count <= 20; count += 1) await note(QUESTION);
    await expect(note(QUESTION)).rejects.toMatchObject({
      code: "MCP_INPUT_REQUIRED",
      message: "`search` asked more than 20 questions in one call",
    });
    return "x";
  });
  await expect(late(QUESTION)).rejects.toMatchObject({ message: "the call of `search` is over" });
  expect(recorder.types().filter((type) => type === "tool.elicited")).toHaveLength(20);
});

it("is not answered by a holder that has lost its lease", async () => {
  const lost = new LeaseLost("a#1", "the lease is lost");
  const recorder = new MemoryRecorder({ from: 2, error: lost });
  await call(recorder, async (note) => {
    await expect(note(QUESTION)).rejects.toBe(lost);
    return "x";
  });
  expect(recorder.types()).not.toContain("tool.elicited");
});
