// Turns one environment as it is written into settings: defaults filled in, durations as milliseconds. Pure.
import { parseDuration } from "../../contracts/duration.ts";
import { defaultSettings, type ENVIRONMENT_SCHEMA, type EnvironmentSettings } from "../../contracts/environment.ts";
import type { PreviewSettings } from "../../contracts/preview-settings.ts";
import type { SpecFrom } from "../../contracts/schema.ts";

export type WrittenSettings = SpecFrom<typeof ENVIRONMENT_SCHEMA>;

export function settingsOf(name: string, written: WrittenSettings): EnvironmentSettings {
  const base = defaultSettings(name);
  const { prunes, signatures, drift, freeze = [], retention, github } = written;
  const keptMs = parseDuration(retention?.keep_for ?? "") ?? null;
  return {
    name,
    repo: written.repo ?? base.repo,
    ref: written.ref ?? base.ref,
    path: written.path ?? base.path,
    overlays: written.overlays ?? base.overlays,
    history: written.history ?? base.history,
    prunes: {
      maxCount: prunes?.max_count ?? base.prunes.maxCount,
      maxPercent: prunes?.max_percent ?? base.prunes.maxPercent,
      allowEmpty: prunes?.allow_empty ?? base.prunes.allowEmpty,
    },
    isolate: written.isolate ?? base.isolate,
    gate: written.gate ?? base.gate,
    signatures: {
      mode: signatures?.mode ?? base.signatures.mode,
      allowedSigners: signatures?.allowed_signers ?? base.signatures.allowedSigners,
    },
    freeze: freeze.map(({ cron, duration, zone = "UTC", reason }) => ({
      cron,
      durationMs: parseDuration(duration) ?? 0,
      zone,
      reason,
    })),
    drift: {
      intervalMs: parseDuration(drift?.interval ?? "") ?? base.drift.intervalMs,
      selfHeal: drift?.self_heal ?? base.drift.selfHeal,
      ignore: drift?.ignore ?? base.drift.ignore,
    },
    retention: {
      keptMs,
      keptFailedMs: parseDuration(retention?.keep_failed_for ?? "") ?? keptMs,
      keptTasks: retention?.keep_tasks ?? null,
    },
    github: {
      approvals: github?.approvals ?? base.github.approvals,
      deployment: github?.deployment ?? base.github.deployment,
      environmentUrl: github?.environment_url ?? base.github.environmentUrl,
    },
    previews: previewsOf(written.previews, base.previews),
    ageRecipients: written.age_recipients ?? base.ageRecipients,
  };
}

function previewsOf(written: WrittenSettings["previews"], base: PreviewSettings): PreviewSettings {
  return {
    enabled: written?.enabled ?? base.enabled,
    prefix: written?.prefix ?? base.prefix,
    maxTasks: written?.max_tasks ?? base.maxTasks,
    maxOpen: written?.max_open ?? base.maxOpen,
    maxPerDay: written?.max_per_day ?? base.maxPerDay,
    maxTokens: written?.max_tokens ?? base.maxTokens,
    maxCostUsd: written?.max_cost_usd ?? base.maxCostUsd,
    maxSteps: written?.max_steps ?? base.maxSteps,
    waitMs: parseDuration(written?.wait ?? "") ?? base.waitMs,
    durationMs: parseDuration(written?.duration ?? "") ?? base.durationMs,
  };
}
