// Pieces of schema that several kinds share. Each is spread into a field, beside a description of its own.
import { DURATION_PATTERN } from "../duration.ts";

export const NAME = { type: "string", minLength: 1, maxLength: 507 } as const;
export const NAMES = { type: "array", items: NAME } as const;
export const TEXT = { type: "string" } as const;
export const TEXTS = { type: "array", items: TEXT } as const;
export const TEXT_MAP = { type: "object", additionalProperties: { type: "string" } } as const;
export const FLAG = { type: "boolean" } as const;
export const DURATION = { type: "string", pattern: DURATION_PATTERN, examples: ["30s", "1m30s"] } as const;
/** Any JSON value as long as it is an object. */
export const ANY_OBJECT = { type: "object" } as const;
export const SECRET_REF = {
  ...NAME,
  description:
    "The Secret that holds the credential: `name`, `name:key` or `namespace/name:key`. Without a key: `value`.",
} as const;

export const PULL_SECRET = {
  ...NAME,
  description:
    "The Secret with the login for the image's registry: `user:password`, or a `config.json` as `docker login` writes it.",
} as const;

/** Of data: what it is (`private`, `untrusted`), or where it goes (`outside`). */
export const LABELS = {
  type: "array",
  maxItems: 16,
  items: { type: "string", pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$", examples: ["private", "untrusted"] },
} as const;

export const RETURNS = {
  ...LABELS,
  description:
    "Labels of what it returns, such as `private` or `untrusted`: whoever reads it carries them (Countwheel).",
} as const;

export const SENDS_TO = {
  ...LABELS,
  description: "Labels of where its arguments go, such as `outside`: rules on `flow` name them (Countwheel).",
} as const;

export const URL_ARGUMENTS = {
  ...NAMES,
  maxItems: 16,
  description:
    "Arguments that hold a URL, or a list of them, which the tool reaches, as paths: rules on `egress` judge them (Countwheel).",
} as const;

export const RESOURCES = {
  type: "object",
  description: "Bounds on what the container may use.",
  additionalProperties: false,
  properties: {
    memory: { ...TEXT, description: "Memory, such as `512m`." },
    cpus: { ...TEXT, description: "Processors, such as `1.0`." },
    pids_limit: { type: "integer", minimum: 1, description: "Processes at most." },
  },
} as const;

export const TOOL_AUTH = {
  type: "object",
  description: "How a call proves who it is. The credential itself lives in a Secret.",
  additionalProperties: false,
  properties: {
    profile: {
      type: "string",
      enum: ["bearer", "api_key_header", "basic", "oauth2_client_credentials", "private_key_jwt", "oauth2_jwt_bearer"],
      default: "bearer",
      description: "How the credential is sent.",
    },
    secret_ref: SECRET_REF,
    header_name: { ...TEXT, description: "The header that carries the key; needed by `api_key_header`." },
    token_url: {
      ...TEXT,
      description:
        "Where tokens are fetched; needed by `oauth2_client_credentials`, `private_key_jwt` and `oauth2_jwt_bearer`.",
    },
    audience: {
      ...TEXT,
      description:
        "Whom an assertion of `private_key_jwt` is for: the issuer, as its metadata says. By default `tokenURL` (Countwheel).",
    },
    scopes: { ...TEXTS, description: "Scopes asked for with a token." },
  },
} as const;

/** Of a server over HTTP, which may want a person to log in. */
export const SERVER_AUTH = {
  ...TOOL_AUTH,
  properties: {
    ...TOOL_AUTH.properties,
    profile: {
      ...TOOL_AUTH.properties.profile,
      enum: [...TOOL_AUTH.properties.profile.enum, "oauth2_authorization_code"],
      description:
        "How the credential is sent. `oauth2_authorization_code`: what `countwheel mcp login` wrote for a person who logged in once.",
    },
    token_url: {
      ...TEXT,
      description:
        "Where tokens are fetched, and nowhere else; needed by `oauth2_client_credentials`, `private_key_jwt`, `oauth2_jwt_bearer` and `oauth2_authorization_code`.",
    },
    issuer: {
      ...TEXT,
      description: "The authorization server at which `countwheel mcp login` lets a person log in (Countwheel).",
    },
    client_id: {
      ...TEXT,
      description:
        "The client as which `countwheel mcp login` asks, where one is registered already; or the URL of its metadata (Countwheel).",
    },
  },
} as const;

export const TOOL_RUNTIME = {
  type: "object",
  description: "How a call is carried out.",
  additionalProperties: false,
  properties: {
    timeout: { ...DURATION, default: "30s", description: "A call that takes longer is aborted." },
    isolation_mode: {
      type: "string",
      enum: ["none", "sandboxed", "container", "wasm", "kubernetes"],
      default: "none",
      description:
        "Where a call runs. `container` is the default with a `cli.image`, `sandboxed` where the risk is high or critical.",
    },
    retry: {
      type: "object",
      description: "Retries of a call that failed before it took effect. Each retry passes the gate anew.",
      additionalProperties: false,
      properties: {
        max_attempts: { type: "integer", minimum: 1, default: 1, description: "Tries, the first included." },
        backoff: {
          ...DURATION,
          default: "0s",
          description: "Wait before the second try; doubles with each further one.",
        },
        max_backoff: { ...DURATION, default: "30s", description: "The longest wait between two tries." },
        jitter: {
          type: "string",
          enum: ["none", "full", "equal"],
          default: "none",
          description: "How waits are spread, so that callers do not retry in step.",
        },
      },
    },
  },
} as const;

export const CLI_ENV_FROM = {
  type: "array",
  description: "Environment variables whose values come from Secrets.",
  items: {
    type: "object",
    additionalProperties: false,
    required: ["name", "secret_ref"],
    properties: {
      name: { ...NAME, description: "The variable." },
      secret_ref: SECRET_REF,
      key: { ...TEXT, default: "value", description: "The key within the Secret." },
    },
  },
} as const;
