// Rules of AgentPolicies about tools that a pattern stands for: one that judges an argument which none of these has silently
// never holds. Others may be declared one day, so it is a warning.
import { BUILT_IN_TOOLS } from "../../contracts/built-in-tools.ts";
import type { AgentPolicySpec } from "../../contracts/kinds/agent-policy.ts";
import { specOf } from "../../contracts/kinds.ts";
import type { Problem } from "../../contracts/problem.ts";
import { parseArgumentPath } from "../../policies/arguments/argument-path.ts";
import { typeCheckOf, typeOfArguments } from "../../policies/expression/type-check.ts";
import { followPath } from "../../policies/expression/types/path.ts";
import { compilePattern, matchesPattern, type Pattern, toolKey } from "../../policies/names.ts";
import { argumentConditions } from "./check-policy-arguments.ts";
import { judgedTool } from "./check-policy-conditions.ts";
import type { Declaration, Declared } from "./declared.ts";
import { quote } from "./finding.ts";
import type { NamedTool } from "./judged-tools.ts";
import { nearMatch } from "./near-match.ts";

/**
 * Of one policy, for nothing yields in between: a look into a tool takes up to a tenth of a millisecond, a comparison of names
 * much less. Where a rule is meant, the first tool has the argument, and one look is enough.
 */
const MOST = { looks: 200, compares: 50_000 } as const;

type Rule = NonNullable<AgentPolicySpec["rules"]>[number];

export function checkPolicyPatterns(declaration: Declaration, declared: Declared): Problem[] {
  const rules = specOf(declaration.manifest, "AgentPolicy")?.rules ?? [];
  const ground: Ground = { declaration, declared, left: { ...MOST } };
  return rules.flatMap((rule, index) => {
    const names = rule.match?.tools ?? [];
    if (!names.some((name) => name.includes("*")) || isSpent(ground)) return [];
    const wanted = [...argumentsOf(rule, index), ...conditionOf(rule, index)];
    if (wanted.length === 0 || !areKnown(names, ground)) return [];
    return wanted.flatMap((each) => judgeWanted(each, names, ground));
  });
}

interface Ground {
  readonly declaration: Declaration;
  readonly declared: Declared;
  /** Of {@link MOST}. What is not looked at is not complained about. */
  readonly left: { looks: number; compares: number };
}

function isSpent({ left }: Ground): boolean {
  return left.looks <= 0 || left.compares <= 0;
}

/** What a rule wants of a call, and which arguments a tool lacks for it. */
interface Wanted {
  readonly pointer: string;
  readonly missingIn: (tool: NamedTool) => Missing | undefined;
}

interface Missing {
  /** As the rule spells it. */
  readonly text: string;
  readonly name: string;
  readonly candidates: readonly string[];
}

function argumentsOf(rule: Rule, index: number): Wanted[] {
  return argumentConditions(rule, index).map(({ pointer, name }) => ({
    pointer,
    missingIn({ inputSchema }) {
      const at = followPath(typeOfArguments(inputSchema), parseArgumentPath(name)?.segments ?? []);
      return at.found ? undefined : { text: at.segments.join("."), name: at.name, candidates: at.candidates };
    },
  }));
}

function conditionOf({ when }: Rule, index: number): Wanted[] {
  const check = when === undefined ? undefined : typeCheckOf(when);
  if (check === undefined) return [];
  return [
    {
      pointer: `/spec/rules/${index}/when`,
      missingIn(tool) {
        const { field, near } = check(judgedTool(tool)).misuses.find((misuse) => misuse.field !== undefined) ?? {};
        if (field === undefined || near === undefined) return undefined;
        return { text: field.replace(/^args\./, ""), name: near.word, candidates: near.candidates };
      },
    },
  ];
}

function judgeWanted({ pointer, missingIn }: Wanted, names: readonly string[], ground: Ground): Problem[] {
  const { declaration, declared, left } = ground;
  const patterns = names.map((name) => compilePattern(toolKey(name)));
  const matches = (key: string): boolean => {
    left.compares -= patterns.length;
    return left.compares > 0 && patterns.some((pattern) => matchesPattern(pattern, key));
  };
  const missing: Missing[] = [];
  for (const owner of declared.toolsWhere(matches)) {
    left.looks -= 1;
    const inputSchema = isSpent(ground) ? undefined : specOf(owner.manifest, "Tool")?.input_schema;
    const lacks = inputSchema === undefined ? undefined : missingIn({ owner, inputSchema });
    if (lacks === undefined) return [];
    missing.push(lacks);
  }
  const [first] = missing;
  return first === undefined || isSpent(ground) ? [] : [problemOf(declaration, pointer, names, first, missing)];
}

/** What servers offer, and what our own tools take, is known only where they run. */
function areKnown(names: readonly string[], { declared, left }: Ground): boolean {
  const patterns = names.map((name) => compilePattern(toolKey(name)));
  const servers = declared.serverNames();
  left.compares -= patterns.length * (BUILT_IN_TOOLS.length + servers.length);
  const isOurs = BUILT_IN_TOOLS.some((name) => patterns.some((pattern) => matchesPattern(pattern, toolKey(name))));
  return !isOurs && !patterns.some((pattern) => servers.some((server) => mayOffer(server, pattern)));
}

/** `server--tool`: the pattern may stand for one as long as neither beginning speaks against it. */
function mayOffer(server: string, { first }: Pattern): boolean {
  const own = `${toolKey(server)}--`;
  return first.startsWith(own) || own.startsWith(first);
}

function problemOf(
  { manifest, locate }: Declaration,
  pointer: string,
  names: readonly string[],
  { text, name }: Missing,
  missing: readonly Missing[],
): Problem {
  const near = nearMatch(name, [...new Set(missing.flatMap(({ candidates }) => candidates))]);
  const tools = names.map(quote).join(", ");
  return {
    severity: "warning",
    code: "SCHEMA",
    summary: `AgentPolicy ${quote(manifest.metadata.name)} judges the argument ${quote(text)}, which no Tool has that ${tools} stands for`,
    detail: near === undefined ? "The rule holds for none of their calls." : `Did you mean ${quote(near)}?`,
    address: `${manifest.kind}/${manifest.metadata.namespace}/${manifest.metadata.name}`,
    ...locate(pointer),
  };
}
