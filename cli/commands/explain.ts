// `explain Kind.path` and `explain CODE`: what a kind, a field, a problem, a denial or a hold means, as kubectl tells it.
import { PROBLEM_CODES } from "../../contracts/problem.ts";
import type { Schema } from "../../contracts/schema.ts";
import { plainKey } from "../../contracts/spellings.ts";
import { DENIAL_CODES } from "../../policies/request.ts";
import { nearMatch } from "../../reconciler/load/near-match.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { type FoundField, findField, schemaOfManifest } from "../explained-field.ts";
import type { Host, OutputFormat } from "../host.ts";
import { kindNamed } from "../kind-named.ts";
import { printJson, UsageFailure } from "../output.ts";
import { DENIAL_HELP, FAILURE_HELP, PROBLEM_HELP } from "../view/code-help.ts";
import { DRIFT_HELP } from "../view/drift-help.ts";
import { renderField } from "../view/explained-field.ts";
import { HOLD_HELP } from "../view/hold-help.ts";
import { MODEL_FAILURE_HELP } from "../view/model-failure-help.ts";

export interface ExplainOptions {
  readonly subject: string;
  readonly output: OutputFormat;
}

export async function runExplain(host: Host, { subject, output }: ExplainOptions): Promise<ExitCode> {
  const code = findCode(subject);
  if (code !== undefined) return explainCode(host, code, output);
  const [kindWord = "", ...steps] = subject
    .trim()
    .split(".")
    .filter((step) => step !== "");
  if (/^[A-Z]+_[A-Z_]+$/.test(subject.trim())) throw unknownCode(subject);
  const kind = kindNamed(kindWord);
  const found = findField(schemaOfManifest(kind), steps);
  if (found.outcome === "unknown") throw unknownField(kind, found.path, found.step, found.parent);
  if (output === "json") printJson(host, fieldJson(kind, found));
  else host.stdout.write(renderField(kind, found));
  return EXIT.ok;
}

interface Code {
  readonly code: string;
  readonly of: keyof typeof KINDS_OF_CODES;
  readonly description: string;
}

function findCode(text: string): Code | undefined {
  const wanted = text.trim().toUpperCase();
  const problem = PROBLEM_CODES.find((code) => code === wanted);
  if (problem !== undefined) return { code: problem, of: "problem", description: PROBLEM_HELP[problem] };
  const denial = DENIAL_CODES.find((code) => code === wanted);
  if (denial !== undefined) return { code: denial, of: "denial", description: DENIAL_HELP[denial] };
  const hold = Object.entries(HOLD_HELP).find(([code]) => code === wanted);
  if (hold !== undefined) return { code: hold[0], of: "hold", description: hold[1] };
  const failure = Object.entries({ ...FAILURE_HELP, ...MODEL_FAILURE_HELP }).find(([code]) => code === wanted);
  if (failure !== undefined) return { code: failure[0], of: "failure", description: failure[1] };
  const drift = Object.entries(DRIFT_HELP).find(([code]) => code === wanted);
  return drift === undefined ? undefined : { code: drift[0], of: "drift", description: drift[1] };
}

const KINDS_OF_CODES = {
  problem: "a problem in a manifest",
  denial: "a denial of the gate",
  hold: "what keeps an apply back",
  failure: "a failure of a task",
  drift: "a drift",
} as const;

function explainCode(host: Host, code: Code, output: OutputFormat): ExitCode {
  if (output === "json") printJson(host, { formatVersion: "1", ...code });
  else host.stdout.write(`${code.code}  (${KINDS_OF_CODES[code.of]})\n\n  ${code.description}\n`);
  return EXIT.ok;
}

function unknownCode(text: string): UsageFailure {
  const others = [HOLD_HELP, FAILURE_HELP, MODEL_FAILURE_HELP, DRIFT_HELP].flatMap((help) => Object.keys(help));
  const known = [...PROBLEM_CODES, ...DENIAL_CODES, ...others];
  const near = nearMatch(text, known);
  return new UsageFailure(`\`${text}\` is no code${near === undefined ? "" : `; did you mean \`${near}\`?`}`);
}

function unknownField(kind: string, path: string, step: string, parent: Schema): UsageFailure {
  const names = Object.keys(parent.properties ?? {});
  const near = names.find((name) => plainKey(name) === plainKey(step)) ?? nearMatch(step, names);
  const hint = near === undefined ? `it has ${names.join(", ") || "no fields"}` : `did you mean \`${near}\`?`;
  return new UsageFailure(
    `\`${step}\` is not a field of ${[kind, path].filter((part) => part !== "").join(".")}; ${hint}`,
  );
}

function fieldJson(kind: string, { path, schema, required }: FoundField): Record<string, unknown> {
  return {
    formatVersion: "1",
    kind,
    path,
    ...describe(schema, required),
    fields: Object.entries(fieldsOf(schema).properties ?? {}).map(([name, field]) => ({
      name,
      ...describe(field, fieldsOf(schema).required?.includes(name) ?? false),
    })),
  };
}

function describe(schema: Schema, required: boolean): Record<string, unknown> {
  const { type, default: usual, enum: words, description } = schema;
  return { type: type ?? "any", required, default: usual, values: words, description };
}

function fieldsOf(schema: Schema): Schema {
  return schema.type === "array" ? (schema.items ?? {}) : schema;
}
