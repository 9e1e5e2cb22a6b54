// Names that an expression compares with: `agent == "writer"`, `tool in ["pay", "refund"]`. CEL compares them letter by
// letter, so one that nothing has makes the comparison fail in silence.
import type { ASTNode } from "@marcbachmann/cel-js";
import { childrenOf } from "./examine.ts";
import { readExpression } from "./expression.ts";

const VARIABLES = ["agent", "system", "model", "tool"] as const;

export interface ComparedName {
  readonly variable: (typeof VARIABLES)[number];
  readonly text: string;
}

export function comparedNames(expression: string): ComparedName[] {
  const ast = readExpression(expression);
  return ast === undefined ? [] : namesIn(ast);
}

function namesIn(node: ASTNode): ComparedName[] {
  const own = node.op === "==" || node.op === "!=" || node.op === "in" ? comparedBy(node.args) : [];
  return [...own, ...childrenOf(node.args).flatMap(namesIn)];
}

function comparedBy([left, right]: readonly [ASTNode, ASTNode]): ComparedName[] {
  const variable = variableOf(left) ?? variableOf(right);
  if (variable === undefined) return [];
  return [...textsOf(left), ...textsOf(right)].map((text) => ({ variable, text }));
}

function variableOf(node: ASTNode): ComparedName["variable"] | undefined {
  return node.op === "id" ? VARIABLES.find((name) => name === node.args) : undefined;
}

function textsOf(node: ASTNode): string[] {
  if (node.op === "list") return node.args.flatMap(textsOf);
  return node.op === "value" && typeof node.args === "string" && node.args !== "" ? [node.args] : [];
}
