// Starts an MCP server and discovers its tools, with a bounded number of tries.
import { TransientFailure } from "../../contracts/failure.ts";
import { waitUnlessAborted } from "../unless-aborted.ts";
import { MCP_LIMITS } from "./limits.ts";
import { RunningServer } from "./running-server.ts";
import type { ServerPlan } from "./server-plan.ts";

/** Only what may pass is tried again. A server that did not answer in time will not be waited for a second time. */
export async function startServer(plan: ServerPlan, signal: AbortSignal): Promise<RunningServer> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startOnce(plan, signal);
    } catch (error) {
      const passing = error instanceof TransientFailure && error.code !== "MCP_TIMEOUT";
      if (signal.aborted || !passing || attempt >= plan.attempts) throw error;
      await waitUnlessAborted(Math.min(plan.backoffMs * 2 ** (attempt - 1), MCP_LIMITS.backoffMs), signal);
    }
  }
}

async function startOnce(plan: ServerPlan, signal: AbortSignal): Promise<RunningServer> {
  const client = await plan.connect(signal);
  const running = new RunningServer(plan.label, client, signal);
  try {
    await running.tools();
    return running;
  } catch (error) {
    await client.close("now");
    throw error;
  }
}
