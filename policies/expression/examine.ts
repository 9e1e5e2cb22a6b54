// Walks a CEL expression when it is read: refuses what could run for long, and finds what it names. Costs are counted in
// work on one value; a macro does the work of its body for each of at most 64 items.
import type { ASTNode } from "@marcbachmann/cel-js";
import { MAX_PATTERN } from "../arguments/matchers/texts.ts";
import { compileRe2, type Re2 } from "../re2.ts";

export type Patterns = Map<string, Re2>;

export type Examined =
  | {
      readonly outcome: "examined";
      readonly names: ReadonlySet<string>;
      readonly patterns: ReadonlyMap<string, Re2>;
      /** Of an evaluation over the largest arguments. */
      readonly weight: number;
    }
  | { readonly outcome: "refused"; readonly why: string };

const MACROS = ["all", "exists", "exists_one", "map", "filter"];
/** `matches` backtracks, `bind` doubles what it binds; the others make long values out of short ones. */
const REFUSED: Readonly<Record<string, string>> = {
  matches: "use `re2`, which no text can make slow",
  bind: "write the value where it is used",
  join: "it builds texts of any length",
  json: "it reads documents of any size",
};

const MACRO_FACTOR = 64;
/** RE2 over the longest text; comparisons and searches of whole values; everything else. */
const WEIGHTS = { re2: 300, heavy: 30, light: 1 } as const;
const HEAVY = [
  "==",
  "!=",
  "in",
  "+",
  "contains",
  "startsWith",
  "endsWith",
  "indexOf",
  "lastIndexOf",
  "substring",
  "split",
];
/** Some 20 ms on a slow core. */
const MAX_WEIGHT = 6_000;

export function examine(ast: ASTNode): Examined {
  const found: Found = { names: new Set(), patterns: new Map(), problems: [] };
  const weight = weigh(ast, found, 0);
  const [problem] = found.problems;
  if (problem !== undefined) return { outcome: "refused", why: problem };
  if (weight > MAX_WEIGHT) return { outcome: "refused", why: "could take too long: it compares or walks too much" };
  return { outcome: "examined", names: found.names, patterns: found.patterns, weight };
}

interface Found {
  readonly names: Set<string>;
  readonly patterns: Patterns;
  readonly problems: string[];
}

function weigh(node: ASTNode, found: Found, depth: number): number {
  if (node.op === "id") found.names.add(node.args);
  if (node.op === "call") return weighCall(node.args[0], node.args[1], found, depth);
  if (node.op === "rcall") return weighMethod(node.args, found, depth);
  const own = HEAVY.includes(node.op) ? WEIGHTS.heavy : WEIGHTS.light;
  return own + sum(childrenOf(node.args), (child) => weigh(child, found, depth));
}

function weighCall(name: string, args: readonly ASTNode[], found: Found, depth: number): number {
  refuseNamed(name, found);
  return WEIGHTS.heavy + sum(args, (arg) => weigh(arg, found, depth));
}

function weighMethod([name, receiver, args]: [string, ASTNode, ASTNode[]], found: Found, depth: number): number {
  refuseNamed(name, found);
  const before = weigh(receiver, found, depth);
  if (MACROS.includes(name)) {
    if (depth > 0) found.problems.push(`has \`${name}\` inside another one of ${MACROS.join(", ")}`);
    return before + MACRO_FACTOR * sum(args, (arg) => weigh(arg, found, depth + 1));
  }
  const own = name === "re2" ? weighPattern(args, found) : HEAVY.includes(name) ? WEIGHTS.heavy : WEIGHTS.light;
  return before + own + sum(args, (arg) => weigh(arg, found, depth));
}

function weighPattern([pattern]: readonly ASTNode[], { patterns, problems }: Found): number {
  const text = pattern?.op === "value" ? pattern.args : undefined;
  const compiled = typeof text === "string" ? compileRe2(text, MAX_PATTERN) : undefined;
  if (typeof text === "string" && compiled !== undefined) patterns.set(text, compiled);
  else problems.push(`needs a literal RE2 pattern of at most ${MAX_PATTERN} characters in \`re2\``);
  return WEIGHTS.re2;
}

function refuseNamed(name: string, { problems }: Found): void {
  const why = Object.hasOwn(REFUSED, name) ? REFUSED[name] : undefined;
  if (why !== undefined) problems.push(`may not use \`${name}\`: ${why}`);
}

/** The operands of any node: nodes, pairs of nodes and plain values stand in nested lists. */
export function childrenOf(args: unknown): ASTNode[] {
  if (Array.isArray(args)) return args.flatMap(childrenOf);
  return isNode(args) ? [args] : [];
}

function isNode(value: unknown): value is ASTNode {
  return typeof value === "object" && value !== null && "op" in value && "args" in value;
}

function sum(nodes: readonly ASTNode[], weight: (node: ASTNode) => number): number {
  return nodes.reduce((total, node) => total + weight(node), 0);
}
