// The shape of a plan in a file: what must be there before anything of it is believed.
import type { ErrorObject } from "ajv";
import { KIND_NAMES } from "../../contracts/address.ts";
import { ownValidator } from "../../contracts/own-schema.ts";
import type { Plan } from "../../contracts/plan.ts";

const TEXT = { type: "string" } as const;
const COUNT = { type: "integer", minimum: 0 } as const;
const TEXT_OR_NULL = { type: ["string", "null"] } as const;
const TIME = { type: "string", pattern: "^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(\\.\\d+)?Z$" } as const;

function shape(properties: Readonly<Record<string, unknown>>, optional: readonly string[] = []): object {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: "object", required, properties };
}

function listOf(items: object): object {
  return { type: "array", items };
}

const PLACE = { file: TEXT, line: { type: "integer", minimum: 1 }, column: { type: "integer", minimum: 1 } };

const MANIFEST = shape({
  apiVersion: TEXT,
  kind: { enum: KIND_NAMES },
  metadata: shape({ name: TEXT, namespace: TEXT, labels: { type: "object" }, annotations: { type: "object" } }),
  spec: { type: "object" },
});

const CHANGE = shape(
  {
    address: TEXT,
    kind: { enum: KIND_NAMES },
    namespace: TEXT,
    name: TEXT,
    previousAddress: TEXT,
    action: { enum: ["create", "update", "move", "prune"] },
    reason: TEXT,
    blocked: shape({ code: TEXT, message: TEXT }),
    source: shape(PLACE),
    before: MANIFEST,
    after: MANIFEST,
    afterDigest: TEXT,
    sensitivePaths: listOf(TEXT),
    fields: listOf(shape({ path: TEXT, source: shape(PLACE) })),
  },
  ["previousAddress", "blocked", "before", "after", "afterDigest"],
);

const PROBLEM = shape({ severity: { enum: ["error", "warning"] }, code: TEXT, summary: TEXT, detail: TEXT, ...PLACE });

const PLAN = shape({
  formatVersion: TEXT,
  planId: { type: "string", pattern: "^[A-Za-z0-9_-]{1,64}$" },
  createdAt: TIME,
  expiresAt: TIME,
  tool: shape({ name: TEXT, version: TEXT }),
  source: shape({
    repo: TEXT,
    ref: TEXT_OR_NULL,
    headSha: TEXT_OR_NULL,
    treeSha: TEXT_OR_NULL,
    path: TEXT,
    dirty: { type: "boolean" },
    history: { enum: ["fast-forward", "forced", "unrelated", "first"] },
  }),
  state: shape({
    env: TEXT,
    lineage: TEXT,
    serial: COUNT,
    touched: listOf(shape({ address: TEXT, digest: TEXT_OR_NULL })),
  }),
  policyDigest: TEXT,
  configDigest: TEXT,
  counts: shape({
    create: COUNT,
    update: COUNT,
    move: COUNT,
    prune: COUNT,
    noop: COUNT,
    blocked: COUNT,
    invalid: COUNT,
  }),
  changes: listOf(CHANGE),
  access: listOf(
    shape({
      agent: TEXT,
      gained: listOf(TEXT),
      lost: listOf(TEXT),
      bounds: listOf(shape({ on: TEXT, removed: listOf(TEXT), added: listOf(TEXT), widens: { type: "boolean" } })),
      widens: { type: "boolean" },
      cause: shape({ file: TEXT, line: COUNT }),
    }),
  ),
  drift: listOf(CHANGE),
  problems: listOf(PROBLEM),
  confirm: { ...shape({ prunes: COUNT, because: TEXT }), type: ["object", "null"] },
  hints: listOf(shape({ code: TEXT, message: TEXT, addresses: listOf(TEXT) })),
  applyable: { type: "boolean" },
  digest: { type: "string", pattern: "^sha256:[0-9a-f]{64}$" },
});

export type PlanShape =
  | { readonly outcome: "plan"; readonly plan: Plan }
  | { readonly outcome: "other"; readonly reason: string };

export function checkPlanShape(value: unknown): PlanShape {
  const validate = ownValidator<Plan>(PLAN);
  if (validate(value)) return { outcome: "plan", plan: value };
  return { outcome: "other", reason: sentenceOf(validate.errors?.[0]) };
}

function sentenceOf(error: ErrorObject | undefined): string {
  return error === undefined
    ? "it has another shape"
    : `\`${error.instancePath || "/"}\` ${error.message ?? "is wrong"}`;
}
