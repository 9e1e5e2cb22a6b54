// The settings of an environment: what is managed, and how careful the reconciler is with it. From `countwheel.yaml`.
import { KIND_NAMES, type KindName } from "./address.ts";
import { DURATION_PATTERN } from "./duration.ts";
import { DEFAULT_PREVIEWS, PREVIEWS_SCHEMA, type PreviewSettings } from "./preview-settings.ts";
import type { Schema } from "./schema.ts";

/** What to do when the branch no longer holds the commit that was applied last. */
export type HistoryMode = "allow" | "hold" | "block";
export type SignatureMode = "none" | "head" | "range";

export interface FreezeWindow {
  /** Five fields: when the window opens. */
  readonly cron: string;
  readonly durationMs: number;
  /** IANA name. */
  readonly zone: string;
  /** Shown wherever the window holds something back. */
  readonly reason: string;
}

/** Fields whose drift is not looked at: JSON pointers from the manifest's root, of all or of some records. */
export interface IgnoreRule {
  readonly kind?: KindName;
  readonly name?: string;
  readonly pointers: readonly string[];
}

export interface EnvironmentSettings {
  readonly name: string;
  /** null: the command says which. */
  readonly repo: string | null;
  readonly ref: string | null;
  readonly path: string;
  /** Directories of JSON merge patches, applied in order over the manifests of `path`. */
  readonly overlays: readonly string[];
  readonly history: HistoryMode;
  /** More prunes than this at once wait until somebody confirms their exact number. */
  readonly prunes: { readonly maxCount: number; readonly maxPercent: number; readonly allowEmpty: boolean };
  /** Broken manifests hold back only themselves and what refers to them; nothing is pruned meanwhile. */
  readonly isolate: boolean;
  /** person: an apply by itself waits for somebody's word on exactly its changes. */
  readonly gate: "none" | "person";
  readonly signatures: { readonly mode: SignatureMode; readonly allowedSigners: string | null };
  readonly freeze: readonly FreezeWindow[];
  readonly drift: {
    readonly intervalMs: number;
    /** Kinds whose records are put back by themselves when they drift. */
    readonly selfHeal: readonly KindName[];
    readonly ignore: readonly IgnoreRule[];
  };
  readonly retention: TaskRetention;
  readonly github: GithubSettings;
  readonly previews: PreviewSettings;
  /** Whom `secret seal` seals values for: the public halves of the runners' age identities. */
  readonly ageRecipients: readonly string[];
}

/** What GitHub gets to see, beyond plans and applies. */
export interface GithubSettings {
  /** Of calls and turns that wait for a person: with what is in them, by name alone, or not at all. */
  readonly approvals: "arguments" | "names" | "none";
  /** The environment of GitHub whose deployments show where this one stands; null: none does. */
  readonly deployment: string | null;
  /** Where people look at it; null: nowhere that is known. */
  readonly environmentUrl: string | null;
}

/** What Redis keeps of tasks that ended. null: as the runner has it. */
export interface TaskRetention {
  readonly keptMs: number | null;
  /** Of those that failed: until then they can be retried. */
  readonly keptFailedMs: number | null;
  /** At most, those under way included. */
  readonly keptTasks: number | null;
}

export const RUNNERS_RETENTION: TaskRetention = { keptMs: null, keptFailedMs: null, keptTasks: null };

export function defaultSettings(name: string): EnvironmentSettings {
  return {
    name,
    repo: null,
    ref: null,
    path: ".",
    overlays: [],
    history: "hold",
    prunes: { maxCount: 10, maxPercent: 25, allowEmpty: false },
    isolate: false,
    gate: "none",
    signatures: { mode: "none", allowedSigners: null },
    freeze: [],
    drift: { intervalMs: 300_000, selfHeal: [], ignore: [] },
    retention: RUNNERS_RETENTION,
    github: { approvals: "arguments", deployment: null, environmentUrl: null },
    previews: DEFAULT_PREVIEWS,
    ageRecipients: [],
  };
}

const TEXT = { type: "string", minLength: 1 } as const;
const AGE_RECIPIENT_PATTERN = "^age1(?:pq1)?[02-9ac-hj-np-z]{58,2100}$";
const DURATION = { type: "string", pattern: DURATION_PATTERN } as const;

/** One environment as it is written, in snake_case, under `environments.<name>` of `countwheel.yaml`. */
export const ENVIRONMENT_SCHEMA = {
  type: "object",
  description: "One managed set of manifests: where it is, and how careful the reconciler is with it.",
  additionalProperties: false,
  properties: {
    repo: { ...TEXT, description: "URL or directory of the repository; default is the one that holds this file." },
    ref: { ...TEXT, description: "Branch, tag or commit." },
    path: { ...TEXT, default: ".", description: "Directory of the manifests within the repository." },
    overlays: {
      type: "array",
      items: TEXT,
      description: "Directories of JSON merge patches, applied in order over the manifests.",
    },
    history: {
      type: "string",
      enum: ["allow", "hold", "block"],
      default: "hold",
      description: "What to do with a branch that was rewritten: apply it, wait for a person, or refuse it.",
    },
    prunes: {
      type: "object",
      description: "When an apply that prunes waits for `--confirm-prunes`.",
      additionalProperties: false,
      properties: {
        max_count: { type: "integer", minimum: 0, default: 10, description: "More prunes than this wait." },
        max_percent: {
          type: "number",
          minimum: 0,
          maximum: 100,
          default: 25,
          description: "A larger share of all records waits.",
        },
        allow_empty: {
          type: "boolean",
          default: false,
          description: "Whether a set without any manifest may prune everything.",
        },
      },
    },
    isolate: {
      type: "boolean",
      default: false,
      description: "Apply the valid manifests although others are broken; nothing is pruned meanwhile.",
    },
    gate: {
      type: "string",
      enum: ["none", "person"],
      default: "none",
      description: "Whether what reaches the branch is applied by itself, or waits for a person's word on its changes.",
    },
    signatures: {
      type: "object",
      description: "Which commits must be signed, by whom.",
      additionalProperties: false,
      properties: {
        mode: {
          type: "string",
          enum: ["none", "head", "range"],
          default: "none",
          description: "No commit, the head, or every commit since the last apply.",
        },
        allowed_signers: {
          ...TEXT,
          description: "File of allowed signers, read from the commit that was applied last.",
        },
      },
    },
    freeze: {
      type: "array",
      description: "Windows in which nothing is applied.",
      items: {
        type: "object",
        additionalProperties: false,
        required: ["cron", "duration", "reason"],
        properties: {
          cron: { ...TEXT, description: "When the window opens, in five fields." },
          duration: { ...DURATION, description: "How long it stays open." },
          zone: { ...TEXT, default: "UTC", description: "The time zone of `cron`." },
          reason: { ...TEXT, description: "Shown wherever the window holds something back." },
        },
      },
    },
    drift: {
      type: "object",
      description: "How drift is looked for, and what becomes of it.",
      additionalProperties: false,
      properties: {
        interval: { ...DURATION, default: "5m", description: "How often to look." },
        self_heal: {
          type: "array",
          items: { type: "string", enum: KIND_NAMES },
          description: "Kinds whose records are put back by themselves.",
        },
        ignore: {
          type: "array",
          description: "Fields whose drift is not looked at.",
          items: {
            type: "object",
            additionalProperties: false,
            required: ["pointers"],
            properties: {
              kind: { type: "string", enum: KIND_NAMES, description: "Only records of this kind." },
              name: { ...TEXT, description: "Only the record of this name." },
              pointers: { type: "array", items: TEXT, minItems: 1, description: "JSON pointers such as /spec/limits." },
            },
          },
        },
      },
    },
    github: {
      type: "object",
      description: "What the reconciler tells GitHub, beyond plans and applies.",
      additionalProperties: false,
      properties: {
        approvals: {
          type: "string",
          enum: ["arguments", "names", "none"],
          default: "arguments",
          description:
            "Checks of calls and turns that wait for a person: with their arguments (secrets redacted), without, or none.",
        },
        deployment: {
          type: "string",
          minLength: 1,
          maxLength: 255,
          description: "The environment of GitHub whose deployments show which commit is applied, and which one waits.",
        },
        environment_url: {
          type: "string",
          pattern: "^https?://[^\\s]+$",
          description: "Where people look at it: the link of those deployments.",
        },
      },
    },
    previews: PREVIEWS_SCHEMA,
    age_recipients: {
      type: "array",
      description: "Whom `secret seal` seals values for: the public halves (age1…) of the runners' age identities.",
      items: { type: "string", pattern: AGE_RECIPIENT_PATTERN },
    },
    retention: {
      type: "object",
      description: "What Redis keeps of tasks that ended. A runner's own flags go before it.",
      additionalProperties: false,
      properties: {
        keep_for: { ...DURATION, description: "How long a task is kept after its end; default 168h." },
        keep_failed_for: {
          ...DURATION,
          description: "How long one that failed is kept, and can be retried; default is `keep_for`, else 720h.",
        },
        keep_tasks: {
          type: "integer",
          minimum: 1,
          description: "How many are kept at most; the oldest that ended are dropped. Default 10000.",
        },
      },
    },
  },
} as const satisfies Schema;
