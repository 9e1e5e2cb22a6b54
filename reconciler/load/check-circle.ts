// Manifests that need each other in a circle: none of them could come first. References lead from kind to kind and never
// back, but for a Tool that names the Tool which verifies it; so these are the only circles there can be.
import { specOf } from "../../contracts/kinds.ts";
import type { Problem } from "../../contracts/problem.ts";
import { scoped } from "./check-references.ts";
import type { Declaration, Declared } from "./declared.ts";
import { quote } from "./finding.ts";

const POINTER = "/spec/verify";

/** Told once, at the circle's first address. */
export function checkCircle(declaration: Declaration, declared: Declared): Problem[] {
  const circle = findCircle(declaration, declared);
  const isFirst = circle.every(({ address }) => declaration.address <= address);
  if (circle.length === 0 || !isFirst) return [];
  const path = [...circle, declaration].map(({ address }) => quote(address)).join(" → ");
  const next = circle[1];
  const related = next === undefined ? {} : { related: next.locate(POINTER) };
  return [
    {
      severity: "error",
      code: "CYCLE",
      summary: `Tools verify each other in a circle: ${path}`,
      detail: "What is verified by must be there first. Let one of them stand for itself.",
      address: declaration.address,
      ...declaration.locate(POINTER),
      ...related,
    },
  ];
}

/** The circle that begins at `start`; empty where its references end, or lead into a circle of others. */
function findCircle(start: Declaration, declared: Declared): readonly Declaration[] {
  const path: Declaration[] = [];
  const seen = new Set<string>();
  for (let at: Declaration | undefined = start; at !== undefined; at = verifierOf(at, declared)) {
    if (seen.has(at.address)) return at.address === start.address ? path : [];
    seen.add(at.address);
    path.push(at);
  }
  return [];
}

function verifierOf({ manifest }: Declaration, declared: Declared): Declaration | undefined {
  const name = specOf(manifest, "Tool")?.verify;
  if (name === undefined) return undefined;
  const target = scoped(name, manifest.metadata.namespace);
  return declared.read("Tool", target.namespace, target.name);
}
