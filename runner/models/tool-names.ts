// Maps tool names to what providers allow (`[a-zA-Z0-9_-]{1,64}`) and back. The same names always map the same way.
import { createHash } from "node:crypto";
import type { ModelRequest } from "./model.ts";

export interface ToolNames {
  toProvider(name: string): string;
  /** A name that was never offered comes back as it is: the gate refuses it by name. */
  fromProvider(name: string): string;
}

const ALLOWED = /^[a-zA-Z0-9_-]{1,64}$/;
const MAX_LENGTH = 64;

/** `names`: every tool that the request mentions, offered or called in earlier turns. */
export function mapToolNames(names: Iterable<string>): ToolNames {
  const forward = new Map<string, string>();
  const back = new Map<string, string>();
  const add = (name: string, provided: string): void => {
    forward.set(name, provided);
    back.set(provided, name);
  };
  const all = [...new Set(names)].toSorted();
  // Names that are allowed keep their form, so that a changed one never takes the place of a true one.
  for (const name of all) if (ALLOWED.test(name)) add(name, name);
  for (const name of all) {
    if (forward.has(name)) continue;
    const plain = name.replace(/[^a-zA-Z0-9_-]/g, "_");
    add(name, plain.length > MAX_LENGTH || plain === "" || back.has(plain) ? withHash(plain, name) : plain);
  }
  return {
    toProvider: (name) => forward.get(name) ?? name,
    fromProvider: (name) => back.get(name) ?? name,
  };
}

function withHash(plain: string, name: string): string {
  const hash = createHash("sha256").update(name).digest("hex").slice(0, 10);
  return `${plain.slice(0, MAX_LENGTH - 11)}_${hash}`;
}

/** Every name that a request mentions: what is offered, and what earlier turns called. */
export function mentionedTools({ tools, messages }: Pick<ModelRequest, "tools" | "messages">): string[] {
  const called = messages.flatMap((message) =>
    message.role === "assistant" ? message.toolCalls.map(({ tool }) => tool) : [],
  );
  return [...tools.map(({ name }) => name), ...called];
}
