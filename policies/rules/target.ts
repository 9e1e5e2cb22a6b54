// What a rule is asked about: a model, or a tool with its arguments and what is known of them.
import type { CallFacts } from "../arguments/matcher.ts";
import type { GateRequest, ToolFacts } from "../request.ts";

export type Target = (
  | { readonly model: string }
  | { readonly tool: ToolFacts; readonly args: Readonly<Record<string, unknown>>; readonly facts: CallFacts }
) & {
  /**
   * The call is not known yet: rules that depend on it do not decide. `possible`: what they allow counts as allowed;
   * `certain`: it does not.
   */
  readonly open?: "possible" | "certain";
};

export function toolTarget(request: Extract<GateRequest, { point: "before_tool" }>): Target {
  const { tool, arguments: args, input, realPaths } = request;
  const realPath = (path: string): string | null | undefined => {
    if (realPaths === undefined) return undefined;
    return Object.hasOwn(realPaths, path) ? realPaths[path] : null;
  };
  return { tool, args, facts: { input, realPath } };
}

const NO_ARGUMENTS = { args: {}, facts: { input: undefined, realPath: (): undefined => undefined } };

export function factsOf(target: Target): {
  readonly args: Readonly<Record<string, unknown>>;
  readonly facts: CallFacts;
} {
  return "model" in target ? NO_ARGUMENTS : target;
}
