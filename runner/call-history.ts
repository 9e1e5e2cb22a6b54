// What was called before in a task, read from its trace when a rule needs it: the trace is kept anyhow, and where no rule
// asks nothing is read.
import { CallLog } from "../contracts/call-history.ts";
import type { CallHistory } from "../policies/request.ts";
import type { Redis } from "../store/connect.ts";
import { readTrace } from "../store/tasks.ts";
import type { Held } from "./held.ts";

/** Each time only what was written since, by any branch; and what this one has not written yet. */
export function openCallHistory(redis: Redis, { task, journal }: Held): () => Promise<CallHistory> {
  const written = new CallLog();
  let seq = 0;
  return async () => {
    for (const event of await readTrace(redis, task, seq)) {
      written.add(event);
      seq = event.seq;
    }
    const all = new CallLog(written);
    for (const { data, ...draft } of journal.unwritten()) all.add({ ...data, ...draft });
    return all.history();
  };
}
