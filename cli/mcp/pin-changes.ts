// What pinning would change in a manifest: each tool of a server against the pin that it has. Pure.

export interface PinChange {
  readonly tool: string;
  /** kept: as it was · new: it had no pin · changed: the tool is another one than was pinned · gone: no such tool any more */
  readonly change: "kept" | "new" | "changed" | "gone";
  /** null: no pin. */
  readonly before: string | null;
  /** null: no tool. */
  readonly after: string | null;
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
