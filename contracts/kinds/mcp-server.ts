// The kind McpServer: a server whose tools are discovered and can be named as `<server>--<tool>`.
import type { SpecFrom } from "../schema.ts";
import {
  DURATION,
  FLAG,
  NAME,
  NAMES,
  PULL_SECRET,
  RESOURCES,
  RETURNS,
  SECRET_REF,
  SENDS_TO,
  SERVER_AUTH,
  TEXT,
  TEXT_MAP,
  TEXTS,
  URL_ARGUMENTS,
} from "./field-schemas.ts";

export const MCP_SERVER_SCHEMA = {
  type: "object",
  description: "A Model Context Protocol server. Its tools are discovered and are named `<server>--<tool>`.",
  additionalProperties: false,
  required: ["transport"],
  properties: {
    transport: { type: "string", enum: ["stdio", "http"], description: "How the server is spoken to." },
    command: { ...TEXT, description: "The program of a `stdio` server. No shell is involved." },
    args: { ...TEXTS, description: "Its arguments." },
    image: { ...TEXT, description: "The container image of a `stdio` server, instead of a command." },
    image_pull_secret: PULL_SECRET,
    endpoint: { ...TEXT, description: "The URL of an `http` server." },
    protocol: {
      type: "string",
      enum: ["auto", "2026-07-28", "2025-11-25"],
      default: "auto",
      description:
        "The revision of MCP that is spoken. `auto` asks the server, and takes 2025-11-25 or before where it does not know 2026-07-28 (Countwheel).",
    },
    elicitation: {
      type: "string",
      enum: ["none", "defaults"],
      default: "none",
      description:
        "What becomes of questions that the server has for a person. `none`: they get no answer. `defaults`: a form is answered with its own defaults, or declined where what it requires has none (Countwheel).",
    },
    env: {
      type: "array",
      description: "The server's environment variables. The runner's own are not inherited.",
      items: {
        type: "object",
        additionalProperties: false,
        required: ["name"],
        properties: {
          name: { ...NAME, description: "The variable." },
          value: { ...TEXT, description: "Its value, in plain text. For a secret write `secretRef`." },
          secret_ref: SECRET_REF,
          mount_path: {
            ...TEXT,
            description:
              "Give the secret as this file; the variable then holds the path. Without a sandbox or an image: a name alone.",
          },
        },
      },
    },
    auth: SERVER_AUTH,
    tool_filter: {
      type: "object",
      description: "Which of the server's tools exist here.",
      additionalProperties: false,
      properties: { include: { ...NAMES, description: "Names as the server has them. Empty: all of them." } },
    },
    idle_timeout: {
      ...DURATION,
      default: "5m",
      description: "A server that is unused this long is stopped; `0` means never.",
    },
    reconnect: {
      type: "object",
      description: "What happens when the connection breaks.",
      additionalProperties: false,
      properties: {
        max_attempts: { type: "integer", minimum: 1, default: 3, description: "Tries to connect." },
        backoff: { ...DURATION, default: "2s", "x-unchecked": true, description: "Wait between two tries." },
      },
    },
    default_tool_runtime: {
      type: "object",
      description: "How calls of this server's tools are carried out.",
      additionalProperties: false,
      properties: {
        timeout: { ...DURATION, default: "30s", description: "A call that takes longer is aborted." },
        isolation_mode: {
          ...TEXT,
          description:
            "Where a `stdio` server runs: `none` (default), `sandboxed`, or `container`, which an image means.",
        },
        retry: {
          type: "object",
          description: "Retries of a call that failed before it took effect.",
          additionalProperties: false,
          properties: {
            max_attempts: { type: "integer", minimum: 1, default: 1, description: "Tries, the first included." },
            backoff: { ...DURATION, "x-unchecked": true, description: "Wait before the second try." },
            max_backoff: { ...DURATION, "x-unchecked": true, description: "The longest wait between two tries." },
            jitter: { ...TEXT, description: "How waits are spread." },
          },
        },
      },
    },
    network: {
      type: "string",
      enum: ["none", "host", "bridge"],
      default: "none",
      description:
        "What a sandbox (`none`, `host`) or a container reaches. Without either a server has the runner's (Countwheel).",
    },
    resources: RESOURCES,
    allow_private: { ...FLAG, description: "Allow a name that leads to this machine or to a private network." },
    tool_facts: {
      type: "object",
      description:
        "Tool, as the server names it, or a pattern with `*` → what is known of it. All entries that match count (Countwheel).",
      additionalProperties: {
        type: "object",
        additionalProperties: false,
        "x-strict": true,
        properties: { returns: RETURNS, sends_to: SENDS_TO, url_arguments: URL_ARGUMENTS },
      },
    },
    pins: {
      ...TEXT_MAP,
      description: "Tool → SHA-256 of its definition; a tool that differs is refused (Countwheel).",
    },
  },
} as const;

export type McpServerSpec = SpecFrom<typeof MCP_SERVER_SCHEMA>;
