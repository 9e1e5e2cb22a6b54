// Policies asked where something is about to be used outside of a call that has its permit: a Secret, a server.
import { PermanentFailure } from "../../contracts/failure.ts";
import type { GateRequest, Reach } from "../../policies/request.ts";
import type { JudgeOptions } from "./ask.ts";
import { type DeniedThing, makeDenial } from "./denial.ts";
import { decisionDraft, openJournal } from "./journal.ts";
import { judge } from "./judge.ts";

/** Both throw PermanentFailure with the code of the denial. */
export interface Guards {
  /** `secret`: `namespace/name`; `neededBy` names the manifest that asks for it. */
  useSecret(secret: string, neededBy: string): Promise<void>;
  /** `server`: for people, `McpServer default/notes`. Asked before it is started or connected to. */
  useServer(server: string, uses: Reach): Promise<void>;
}

export function openGuards(options: JudgeOptions): Guards {
  const { subject } = options;
  return {
    useSecret: (secret, neededBy) =>
      guard(options, { point: "secret_use", subject, secret, grantedBy: neededBy }, { secret }),
    useServer: (server, uses) => guard(options, { point: "task_admission", subject, uses }, { server }),
  };
}

/** What is allowed leaves no trace of its own: the call or the turn that it is for does. */
async function guard(options: JudgeOptions, request: GateRequest, thing: DeniedThing): Promise<void> {
  const judgement = await judge(options, request);
  const { decision, permitted } = judgement;
  if (decision.effect === "allow") return;
  options.recorder.defer([decisionDraft(openJournal(options, {}), "turn.decided", judgement, { ...thing })]);
  if (permitted) return;
  const { code, message, details } = makeDenial(decision, thing);
  throw new PermanentFailure(code, message, { details });
}
