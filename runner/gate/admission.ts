// The first point of the gate: may this agent run for this task at all?

import type { Admission, GateOptions } from "./ask.ts";
import { withLabels } from "./carried.ts";
import { makeDenial } from "./denial.ts";
import { decisionDraft, openJournal } from "./journal.ts";
import { judge } from "./judge.ts";

export async function admit(options: GateOptions): Promise<Admission> {
  const { subject, carried } = options;
  const judgement = await judge(options, { point: "task_admission", subject, ...withLabels(carried.list()) });
  const journal = openJournal(options, {});
  const { decision } = judgement;
  // Nothing has an effect before the first turn is recorded, or the denial is: the admission rides with that.
  options.recorder.defer([decisionDraft(journal, "turn.decided", judgement, { system: options.subject.system })]);
  if (judgement.permitted) return { outcome: "admitted", decision };
  return { outcome: "denied", denial: makeDenial(decision, { agent: options.subject.agent }), decision, stop: true };
}
