// The kind Tool: something that agents may call, how it is reached, and how dangerous it is.
import type { SpecFrom } from "../schema.ts";
import {
  ANY_OBJECT,
  CLI_ENV_FROM,
  DURATION,
  FLAG,
  NAME,
  NAMES,
  PULL_SECRET,
  RESOURCES,
  RETURNS,
  SECRET_REF,
  SENDS_TO,
  TEXT,
  TEXT_MAP,
  TEXTS,
  TOOL_AUTH,
  TOOL_RUNTIME,
  URL_ARGUMENTS,
} from "./field-schemas.ts";
import { SENDER_AUTH } from "./sender-auth.ts";

const CLI = {
  type: "object",
  description: "The command of a `cli` tool. No shell is involved.",
  additionalProperties: false,
  required: ["command"],
  properties: {
    command: {
      ...NAME,
      description: "The program; with an `image` one of the image, instead of what it was made to run.",
    },
    args: { ...TEXTS, description: "Its arguments: templates over the JSON input, such as `{{.query}}`." },
    image: {
      ...TEXT,
      description: "The container image that the command runs in: `runner --allow-image` has to name it.",
    },
    image_pull_secret: PULL_SECRET,
    network: {
      ...TEXT,
      default: "none",
      description:
        "What a container reaches: none, bridge, host or a network that the engine knows; a sandbox: none, host.",
    },
    stdin_from_input: { ...FLAG, default: false, description: "Give the JSON input to the command's standard input." },
    output: {
      type: "string",
      enum: ["stdout", "stderr", "both"],
      default: "stdout",
      description: "Which of the command's outputs is the result.",
    },
    working_dir: { ...TEXT, description: "The folder that the command runs in; with an `image` one of the image." },
    env: { ...TEXT_MAP, description: "Environment variables. The runner's own are not inherited." },
    env_from: CLI_ENV_FROM,
    resources: RESOURCES,
  },
} as const;

const WASM = {
  type: "object",
  description: "The module of a `wasm` tool.",
  additionalProperties: false,
  required: ["module"],
  properties: {
    module: { ...NAME, description: "Where the module is, below a folder of `runner --wasm-dir`." },
    entrypoint: { ...TEXT, default: "run", description: "The function to call." },
    max_memory_bytes: { type: "integer", minimum: 1, default: 67108864, description: "Memory at most." },
    sha256: {
      type: "string",
      pattern: "^(?:sha256:)?[0-9a-f]{64}$",
      description: "The module's digest: no other one is run, and none without it (Countwheel).",
    },
    fuel: { type: "integer", minimum: 1, default: 1000000, description: "Instructions at most: not counted here." },
    enable_wasi: { ...FLAG, description: "Give the module WASI: here it always has it." },
    image_pull_secret: SECRET_REF,
  },
} as const;

const GRPC = {
  type: "object",
  description: "The method of a `grpc` tool; without `proto` it speaks the tool contract, as JSON (Countwheel).",
  additionalProperties: false,
  "x-strict": true,
  properties: {
    service: { ...NAME, description: "The service, with its package; `orloj.tool.v1.ToolService` without `proto`." },
    method: { ...NAME, description: "Its unary method; `Execute` without `proto`." },
    proto: { ...TEXT, description: "The text of the `.proto` that describes it: arguments are its request's fields." },
    plaintext: {
      ...FLAG,
      default: false,
      description: "Without TLS: only to this machine and to private networks.",
    },
  },
} as const;

const CALLBACK = {
  type: "object",
  description: "How the answer of a `webhook-callback` tool comes (Countwheel).",
  additionalProperties: false,
  "x-strict": true,
  properties: {
    poll_interval: {
      ...DURATION,
      default: "2s",
      description: "How often `<endpoint>/<request_id>` is asked for the answer; `0s`: never, it is only sent to us.",
    },
    auth: { ...SENDER_AUTH, description: "How an answer that is sent to us proves that it is genuine." },
  },
} as const;

export const TOOL_SCHEMA = {
  type: "object",
  description: "Something that agents may call, how it is reached, and how dangerous it is.",
  additionalProperties: false,
  "x-ignored": { a2a: "Tools of type a2a cannot be called here." },
  properties: {
    type: {
      type: "string",
      enum: ["http", "external", "grpc", "webhook-callback", "mcp", "cli", "wasm", "a2a"],
      default: "http",
      description: "How the tool is reached.",
    },
    endpoint: { ...TEXT, description: "The tool's address: a URL, or host:port for grpc." },
    description: { ...TEXT, description: "What the tool does, in words for the model." },
    input_schema: {
      ...ANY_OBJECT,
      description: "JSON Schema of the arguments; calls that do not satisfy it are refused.",
    },
    mcp_server_ref: { ...NAME, description: "The McpServer that offers the tool; needed by `mcp`." },
    mcp_tool_name: { ...NAME, description: "The tool's own name on that server; needed by `mcp`." },
    capabilities: { ...NAMES, description: "What the tool gives power over; roles grant `capability:<name>`." },
    operation_classes: {
      type: "array",
      items: { type: "string", enum: ["read", "write", "delete", "admin"] },
      default: ["read"],
      description: "What kinds of operation a call may be. By default write where the risk is high or critical.",
    },
    risk_level: {
      type: "string",
      enum: ["low", "medium", "high", "critical"],
      default: "low",
      description: "How much harm a wrong call can do.",
    },
    runtime: TOOL_RUNTIME,
    auth: TOOL_AUTH,
    cli: CLI,
    wasm: WASM,
    grpc: GRPC,
    callback: CALLBACK,
    effect: {
      type: "string",
      enum: ["read", "idempotent", "write"],
      default: "write",
      description:
        "What a takeover may do with a call whose result is unknown: read and idempotent run again (Countwheel).",
    },
    on_unknown: {
      type: "string",
      enum: ["stop", "retry", "fail"],
      default: "stop",
      description:
        "What happens to a write whose result is unknown: wait for a person, run it again, or fail (Countwheel).",
    },
    verify: { ...NAME, description: "A Tool that tells whether a write of this one has happened (Countwheel)." },
    max_result_bytes: { type: "integer", minimum: 1, description: "Bytes of a result at most (Countwheel)." },
    returns: RETURNS,
    sends_to: SENDS_TO,
    url_arguments: URL_ARGUMENTS,
  },
} as const;

export type ToolSpec = SpecFrom<typeof TOOL_SCHEMA>;
