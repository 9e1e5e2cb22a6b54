// A call that shares a ledger, where nobody keeps one, and where the store finds no room at any try.
import { describe, expect, it } from "vitest";
import type { TraceDraft } from "../../../contracts/trace.ts";
import { createGate } from "../../../runner/gate/gate.ts";
import type { RecordAnswer, RecordChange } from "../../../runner/gate/recorder.ts";
import { globalPolicy } from "../../policies/requests.ts";
import { gateOptions, MemoryRecorder, modelAsk, openGate, postingModel, postingTool, toolAsk } from "./desk.ts";

const URL = "http://127.0.0.1:9";
const POLICIES = [globalPolicy({ budgets: [{ per: ["namespace"], steps: 10 }] })];

describe("a call that shares a ledger", () => {
  it("is denied where nobody keeps it", async () => {
    const recorder = new MemoryRecorder();
    const gate = openGate({ recorder, policies: POLICIES, tools: [postingTool(URL)] });
    expect(await gate.requestModel(modelAsk(postingModel(URL)))).toMatchObject({
      outcome: "denied",
      denial: { code: "POLICY_ERROR" },
    });
    expect(await gate.requestTool(toolAsk())).toMatchObject({ outcome: "denied", denial: { code: "POLICY_ERROR" } });
    expect(recorder.types()).not.toContain("model.called");
    expect(recorder.types()).not.toContain("tool.called");
  });

  it("is denied where others took the room each time that there seemed to be some", async () => {
    const recorder = new CrowdedRecorder();
    const budgets = { look: () => Promise.resolve({}) };
    const gate = createGate({ ...gateOptions({ recorder, policies: POLICIES, tools: [postingTool(URL)] }), budgets });
    expect(await gate.requestTool(toolAsk())).toMatchObject({ outcome: "denied", denial: { code: "BUDGET_STEPS" } });
    expect(recorder.tries).toBe(2);
    expect(recorder.types()).not.toContain("tool.called");
  });
});

/** Whatever shares a ledger finds no room, and is told of amounts that leave some. */
class CrowdedRecorder extends MemoryRecorder {
  tries = 0;

  override async record(drafts: readonly TraceDraft[], change: RecordChange = {}): Promise<RecordAnswer> {
    if (change.shared?.kind !== "reserve") return super.record(drafts, change);
    this.tries += 1;
    return {
      outcome: "over-shared",
      spent: Object.fromEntries(change.shared.claims.map(({ account }) => [account, 9])),
    };
  }
}
