// What is written of a tool call while it is at work: how far it has come, as often as people need it, and no more.
import type { ToolProgress } from "../../contracts/tool-progress.ts";
import { boundText } from "./bound.ts";
import type { ToolGrant } from "./grant.ts";

/**
 * Each event is a write to the store, and stays: one a second at first, and then one whenever the call has taken a twentieth
 * longer. That is 65 in 3 min, 126 in an hour, and never more than 260, since no call may take longer than 25 days.
 */
const PROGRESS_PACE = { apartMs: 1_000, share: 1 / 20 } as const;

export interface Meanwhile {
  readonly onProgress: (progress: ToolProgress) => void;
  /** Writes no more, and waits for what is being written. Answers what was told last, for the record of the call's end. */
  close(): Promise<{ readonly progress?: ToolProgress }>;
}

/** `begunMs`: on the journal's monotonic clock. */
export function watchCall({ journal, tool, decisionId }: ToolGrant, begunMs: number): Meanwhile {
  const { recorder, redactor, clock } = journal;
  let last: ToolProgress | undefined;
  let isNews = false;
  let isClosed = false;
  let nextMs = begunMs + PROGRESS_PACE.apartMs;
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> | undefined;

  const write = async (progress: ToolProgress): Promise<void> => {
    const draft = journal.draft("tool.progress", {
      tool: tool.definition.name,
      progress: redacted(progress),
      decisionId,
    });
    // What keeps this from being written, be it that the lease is gone, meets the record of the call's end as well.
    await recorder.record([draft]).catch(() => undefined);
    const nowMs = clock.monotonicMs();
    nextMs = nowMs + Math.max(PROGRESS_PACE.apartMs, (nowMs - begunMs) * PROGRESS_PACE.share);
    writing = undefined;
    writeInTime();
  };
  const writeInTime = (): void => {
    if (isClosed || !isNews || timer !== undefined || writing !== undefined) return;
    timer = setTimeout(
      () => {
        timer = undefined;
        isNews = false;
        if (last !== undefined) writing = write(last);
      },
      Math.max(0, nextMs - clock.monotonicMs()),
    );
  };
  const redacted = ({ message, ...amount }: ToolProgress): ToolProgress =>
    message === undefined ? amount : { ...amount, message: boundText(message, redactor) };

  return {
    onProgress: (progress) => {
      last = progress;
      isNews = true;
      writeInTime();
    },
    close: async () => {
      isClosed = true;
      clearTimeout(timer);
      await writing;
      return last === undefined ? {} : { progress: redacted(last) };
    },
  };
}
