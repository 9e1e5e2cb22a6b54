// Writes how far a tool call has come while it is at work: as often as people need it, and no more.
import type { ToolProgress } from "../../contracts/tool-progress.ts";
import { boundText } from "./bound.ts";
import type { ToolGrant } from "./grant.ts";

/**
 * Each event is a write to the store, and stays: one a second at first, and then one whenever the call has taken a twentieth
 * longer. That is 65 in 3 min, 126 in an hour, and never more than 260, since no call may take longer than 25 days.
 */
const PACE = { apartMs: 1_000, share: 1 / 20 } as const;

export class ProgressLog {
  readonly #grant: ToolGrant;
  readonly #begunMs: number;
  #last: ToolProgress | undefined;
  #isNews = false;
  #isClosed = false;
  #nextMs: number;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> | undefined;

  /** `begunMs`: when the call began, on the journal's monotonic clock. */
  constructor(grant: ToolGrant, begunMs: number) {
    this.#grant = grant;
    this.#begunMs = begunMs;
    this.#nextMs = begunMs + PACE.apartMs;
  }

  /** May be called as often as anybody likes. */
  tell(progress: ToolProgress): void {
    this.#last = progress;
    this.#isNews = true;
    this.#writeInTime();
  }

  /** Writes no more, and waits for what is being written. Answers what was told last, for the record of the call's end. */
  async close(): Promise<ToolProgress | undefined> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#writing;
    return this.#last === undefined ? undefined : this.#redacted(this.#last);
  }

  #writeInTime(): void {
    const isBusy = this.#timer !== undefined || this.#writing !== undefined;
    if (this.#isClosed || !this.#isNews || isBusy) return;
    const inMs = Math.max(0, this.#nextMs - this.#grant.journal.clock.monotonicMs());
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#isNews = false;
      this.#writing = this.#write();
    }, inMs);
  }

  async #write(): Promise<void> {
    const { journal, tool, decisionId } = this.#grant;
    const progress = this.#last && this.#redacted(this.#last);
    const draft = journal.draft("tool.progress", { tool: tool.definition.name, progress, decisionId });
    // What keeps this from being written, be it that the lease is gone, meets the record of the call's end as well.
    await journal.recorder.record([draft]).catch(() => undefined);
    const nowMs = journal.clock.monotonicMs();
    this.#nextMs = nowMs + Math.max(PACE.apartMs, (nowMs - this.#begunMs) * PACE.share);
    this.#writing = undefined;
    this.#writeInTime();
  }

  #redacted({ message, ...amount }: ToolProgress): ToolProgress {
    return message === undefined ? amount : { ...amount, message: boundText(message, this.#grant.journal.redactor) };
  }
}
