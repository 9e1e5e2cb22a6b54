// The JSON Schema that an agent's manifest asks of its output, compiled.
import { PermanentFailure } from "../../contracts/failure.ts";
import type { AgentSpec } from "../../contracts/kinds/agent.ts";
import { compileSchema } from "../foreign-schema.ts";
import type { OutputShape } from "./output.ts";

/** Throws PermanentFailure OUTPUT_SCHEMA_INVALID: what cannot be checked must not count as right. */
export function outputShape({ execution }: AgentSpec, agent: string): OutputShape | undefined {
  const schema = execution?.output_schema;
  if (schema === undefined) return undefined;
  const validate = compileSchema(schema);
  if (validate === null) {
    throw new PermanentFailure(
      "OUTPUT_SCHEMA_INVALID",
      `the output_schema of ${agent} is no JSON Schema that can be checked in time`,
    );
  }
  return { schema, problem: (value) => validate(value, "the output") };
}
