// A hold on a server that follows its secrets: a call for which another value counts goes to a server that has it.
import { withoutEffect } from "../../contracts/failure.ts";
import type { Tools } from "./running-server.ts";
import type { ServerPlan } from "./server-plan.ts";
import type { ServerHandle } from "./shared-server.ts";

interface Servers {
  acquire(plan: ServerPlan, signal: AbortSignal, pinned?: Tools): Promise<ServerHandle>;
}

interface Held {
  readonly key: string;
  readonly handle: ServerHandle;
}

/** `plan` reads the secrets as they are now, and is asked before each call. The definitions stay those of the first server. */
export async function holdServer(
  servers: Servers,
  plan: () => Promise<ServerPlan>,
  signal: AbortSignal,
): Promise<ServerHandle> {
  const first = await plan();
  let held: Held = { key: first.key, handle: await servers.acquire(first, signal) };
  const { tools } = held.handle;
  let isReleased = false;

  const follow = async (until: AbortSignal): Promise<ServerHandle> => {
    const wanted = await plan();
    if (wanted.key === held.key) return held.handle;
    const handle = await servers.acquire(wanted, until, tools);
    // Another call may have been quicker, and the whole hold be over.
    if (isReleased || held.key === wanted.key) {
      handle.release();
      return held.handle;
    }
    held.handle.release();
    held = { key: wanted.key, handle };
    return handle;
  };

  return {
    tools,
    async call(tool, args, options) {
      const handle = await follow(options.signal).catch((error: unknown) => {
        throw withoutEffect(error);
      });
      return handle.call(tool, args, options);
    },
    release() {
      isReleased = true;
      held.handle.release();
    },
  };
}
