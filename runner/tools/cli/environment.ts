// The variables of a CLI tool's command: what its manifest names, the key of its call, and few of the runner's own.
import type { ToolSpec } from "../../../contracts/kinds/tool.ts";
import type { Secrets } from "../../secrets/secrets.ts";

type Cli = NonNullable<ToolSpec["cli"]>;

/** Where the command finds the key of its call, the same for every try of it. */
const KEY_VARIABLE = "COUNTWHEEL_IDEMPOTENCY_KEY";
/** Of the runner's own environment: nothing of it is a secret. */
const BASE_VARIABLES = ["HOME", "LANG", "LOGNAME", "PATH", "TZ", "USER"] as const;

export interface EnvironmentSource {
  readonly namespace: string;
  readonly label: string;
  readonly secrets: Secrets;
}

/** Throws what a secret throws. */
export async function givenEnvironment(
  { namespace, label, secrets }: EnvironmentSource,
  { env = {}, env_from: from = [] }: Cli,
  idempotencyKey: string,
): Promise<Record<string, string>> {
  const given: Record<string, string> = { ...env };
  for (const { name, secret_ref: reference, key } of from) {
    const whole = key === undefined || reference.includes(":") ? reference : `${reference}:${key}`;
    given[name] = await secrets.resolve(whole, namespace, label);
  }
  return { ...given, [KEY_VARIABLE]: idempotencyKey };
}

export function baseEnvironment(variables: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    BASE_VARIABLES.flatMap((name) => {
      const value = variables[name];
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
}
