// What pinning would change in a manifest: each tool of a server against the pin that it has. Pure.
import { differenceOfTools, pinDigest, type ToolText } from "../../contracts/tool-difference.ts";

export interface PinChange {
  readonly tool: string;
  /** kept: as it was · new: it had no pin · changed: the tool is another one than was pinned · gone: no such tool any more */
  readonly change: "kept" | "new" | "changed" | "gone";
  /** null: no pin. */
  readonly before: string | null;
  /** null: no tool. */
  readonly after: string | null;
  /** Of a changed one, where a runner has seen what the pin stands for: `- field: value`, `+ field: value`. */
  readonly difference?: readonly string[];
}

export type Pins = Readonly<Record<string, string>>;

/** Sorted by tool. */
export function pinChanges(before: Pins, after: Pins): readonly PinChange[] {
  const tools = [...new Set([...Object.keys(before), ...Object.keys(after)])].toSorted();
  return tools.map((tool) => {
    const [was, is] = [own(before, tool), own(after, tool)];
    return { tool, change: changeOf(was, is), before: was ?? null, after: is ?? null };
  });
}

type Texts = Readonly<Record<string, ToolText>>;

/** The same with what is different; `before`: what is known of pins, `after`: what tools are now, both by digest. */
export function withDifferences(changes: readonly PinChange[], before: Texts, after: Texts): readonly PinChange[] {
  return changes.map((one) => {
    if (one.change !== "changed") return one;
    const [was, is] = [before[pinDigest(one.before ?? "")], after[one.after ?? ""]];
    return was === undefined || is === undefined ? one : { ...one, difference: differenceOfTools(was, is) };
  });
}

export function differs(changes: readonly PinChange[]): boolean {
  return changes.some(({ change }) => change !== "kept");
}

function changeOf(was: string | undefined, is: string | undefined): PinChange["change"] {
  if (is === undefined) return "gone";
  if (was === undefined) return "new";
  // A pin may be written without the name of its algorithm.
  return was === is || `sha256:${was}` === is ? "kept" : "changed";
}

function own(pins: Pins, tool: string): string | undefined {
  return Object.hasOwn(pins, tool) ? pins[tool] : undefined;
}
