// What previews are looked after with.
import { defaultSettings, type EnvironmentSettings } from "../../contracts/environment.ts";
import type { Plan } from "../../contracts/plan.ts";
import type { Preview } from "../../contracts/preview.ts";
import type { Redis } from "../../store/connect.ts";
import { pushOutbox } from "../../store/outbox.ts";
import { dropPreviewWord, writePreview } from "../../store/previews.ts";
import type { LineageMemory } from "../apply/lineage-memory.ts";
import type { SourceAnswer } from "../source/source.ts";

export interface PreviewCare {
  readonly redis: Redis;
  /** The environment whose pull requests they are. */
  readonly env: string;
  readonly lineages: LineageMemory;
  /** Reads and loads the environment's manifests at a ref such as `refs/pull/7/head`. */
  readonly readSource: (ref: string, signal: AbortSignal) => Promise<SourceAnswer>;
  /** The base's, never the pull request's. */
  readonly settings?: EnvironmentSettings;
  readonly tool: Plan["tool"];
  readonly now: () => Date;
  readonly newId: () => string;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

export function settingsIn({ env, settings = defaultSettings(env) }: PreviewCare): EnvironmentSettings {
  return settings;
}

export async function keepAndTell(care: Pick<PreviewCare, "redis" | "env">, preview: Preview): Promise<void> {
  const { redis, env } = care;
  await writePreview(redis, env, preview);
  await tellPreview(care, preview);
}

async function tellPreview({ redis, env }: Pick<PreviewCare, "redis" | "env">, preview: Preview): Promise<void> {
  const { id: _id, startedAt: _startedAt, ...facts } = preview;
  await pushOutbox(redis, env, { kind: "preview", env, preview: facts });
}

/** Until another head, or somebody's word. */
export async function refuse(care: PreviewCare, preview: Preview, why: readonly string[]): Promise<void> {
  await dropPreviewWord(care.redis, care.env, preview.pullRequest);
  await keepAndTell(care, { ...preview, phase: "refused", remarks: [...why, ...preview.remarks] });
}
