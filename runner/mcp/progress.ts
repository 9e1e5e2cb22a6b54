// What servers tell of how far a call has come (`notifications/progress`). They may say anything, as often as they like:
// what cannot be is dropped, and the rest costs next to nothing.
import type { ToolProgress } from "../../contracts/tool-progress.ts";
import { cutText } from "../bound-text.ts";
import { MCP_LIMITS } from "./limits.ts";

type Tell = (progress: ToolProgress) => void;
type Listener = (message: never, extra?: never) => void;

/**
 * Hears of progress in the place of the SDK that reads a transport. An SDK takes five times as long for each notification,
 * and drops the last one of a call where the answer comes in the same piece.
 */
export class ProgressEar {
  readonly #listeners = new Map<number, Tell>();
  #tokens = 0;

  /** `transport`: before an SDK is connected to it, which sets its `onmessage`. */
  constructor(transport: { onmessage?: Listener | undefined }) {
    let listener: Listener | undefined;
    Object.defineProperty(transport, "onmessage", {
      get: () => listener,
      set: (next: Listener | undefined) => {
        listener = next && this.#before(next);
      },
    });
  }

  /** `work` gets what the `_meta` of a request has to hold: nothing where nobody listens. */
  async during<T>(tell: Tell | undefined, work: (meta: { readonly progressToken?: number }) => Promise<T>): Promise<T> {
    if (tell === undefined) return work({});
    this.#tokens += 1;
    const progressToken = this.#tokens;
    this.#listeners.set(progressToken, tellWhatGrows(tell));
    try {
      return await work({ progressToken });
    } finally {
      this.#listeners.delete(progressToken);
    }
  }

  #before(listener: Listener): Listener {
    return (message, extra) => {
      const { method, params }: { readonly method?: unknown; readonly params?: unknown } = message;
      if (method !== "notifications/progress") return listener(message, extra);
      if (typeof params !== "object" || params === null) return;
      const told: Told = params;
      const progress = readProgress(told);
      // Ours are numbers. What else it may be is not asked: there are objects that throw when they are made one.
      const tell = typeof told.progressToken === "number" ? this.#listeners.get(told.progressToken) : undefined;
      if (progress !== undefined) tell?.(progress);
    };
  }
}

/** MCP: the value grows with each notification, also where the total is unknown. */
function tellWhatGrows(tell: Tell): Tell {
  let last = -1;
  return (progress) => {
    if (progress.done <= last) return;
    last = progress.done;
    tell(progress);
  };
}

interface Told {
  readonly progressToken?: unknown;
  readonly progress?: unknown;
  readonly total?: unknown;
  readonly message?: unknown;
}

function readProgress({ progress: done, total, message }: Told): ToolProgress | undefined {
  if (!isAmount(done)) return undefined;
  const isTold = typeof message === "string" && message !== "";
  return {
    done,
    ...(isAmount(total) && total >= done ? { total } : {}),
    ...(isTold ? { message: cutText(message, MCP_LIMITS.progressCharacters) } : {}),
  };
}

function isAmount(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && value < Number.POSITIVE_INFINITY;
}
