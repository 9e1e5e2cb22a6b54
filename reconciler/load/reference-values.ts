// Finds the values in a spec that a reference's path names. Pure.
import { escapePointer } from "../../contracts/sensitive.ts";

export interface ReferenceValue {
  readonly pointer: string;
  readonly text: string;
}

/** `*` goes through items and values; a last step of `{}` answers the keys of a map. */
export function referenceValues(root: unknown, path: string): ReferenceValue[] {
  const found: ReferenceValue[] = [];
  collect(root, path.split("/").slice(1), "", found);
  return found;
}

function collect(value: unknown, steps: readonly string[], pointer: string, found: ReferenceValue[]): void {
  const [step, ...rest] = steps;
  if (step === undefined) {
    if (typeof value === "string" && value !== "") found.push({ pointer, text: value.trim() });
    return;
  }
  if (typeof value !== "object" || value === null) return;
  for (const [key, item] of Object.entries(value)) {
    const below = `${pointer}/${escapePointer(key)}`;
    if (step === "{}") found.push({ pointer: below, text: key });
    else if (step === "*" || step === key) collect(item, rest, below, found);
  }
}
