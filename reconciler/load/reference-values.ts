// Finds the values in a spec that a reference's path names. Pure.
import { escapePointer } from "../../contracts/sensitive.ts";

export interface ReferenceValue {
  readonly pointer: string;
  readonly text: string;
}

/** `*` goes through items and values; a last step of `{}` answers the keys of a map. */
export function referenceValues(root: unknown, path: string): ReferenceValue[] {
  const found: ReferenceValue[] = [];
  collect(root, { steps: path.split("/"), at: 1 }, "", found);
  return found;
}

type Fields = Readonly<Record<string, unknown>>;

/** The steps of a path from one of them on. */
interface Way {
  readonly steps: readonly string[];
  readonly at: number;
}

function collect(value: unknown, { steps, at }: Way, pointer: string, found: ReferenceValue[]): void {
  const step = steps[at];
  const rest = { steps, at: at + 1 };
  if (step === undefined) {
    if (typeof value === "string" && value !== "") found.push({ pointer, text: value.trim() });
    return;
  }
  if (typeof value !== "object" || value === null) return;
  if (step !== "*" && step !== "{}") {
    if (Object.hasOwn(value, step)) collect((value as Fields)[step], rest, `${pointer}/${step}`, found);
    return;
  }
  for (const [key, item] of Object.entries(value)) {
    const below = `${pointer}/${escapePointer(key)}`;
    if (step === "{}") found.push({ pointer: below, text: key });
    else collect(item, rest, below, found);
  }
}
