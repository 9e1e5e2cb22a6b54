// How the definition of an MCP tool differs from the one that was pinned, in lines for people. Pure.
import { digestOf } from "./canonical.ts";

/** What a pin is the digest of. */
export interface ToolText {
  /** `<server>--<tool>` */
  readonly name: string;
  readonly description: string;
  readonly inputSchema: unknown;
  readonly annotations: unknown;
}

export function toolTextDigest({ name, description, inputSchema, annotations }: ToolText): string {
  return digestOf({ name, description, inputSchema, annotations });
}

/** A pin may be written without the name of its algorithm. */
export function pinDigest(pin: string): string {
  return pin.startsWith("sha256:") ? pin : `sha256:${pin}`;
}

/** More is not read by anybody; the last line says how many there are. */
const MAX_LINES = 40;
const MAX_VALUE = 300;

/** `- field: value` of what is gone, `+ field: value` of what is new, both of what is another one. Sorted by field. */
export function differenceOfTools(before: ToolText, after: ToolText): string[] {
  const [was, is] = [fieldsOf(before), fieldsOf(after)];
  const names = [...new Set([...was.keys(), ...is.keys()])].toSorted();
  const lines = names.flatMap((name) => {
    const [old, now] = [was.get(name), is.get(name)];
    if (old === now) return [];
    return [...lineOf("-", name, old), ...lineOf("+", name, now)];
  });
  return lines.length <= MAX_LINES
    ? lines
    : [...lines.slice(0, MAX_LINES), `… and ${lines.length - MAX_LINES} lines more`];
}

function lineOf(sign: "-" | "+", name: string, value: string | undefined): string[] {
  if (value === undefined) return [];
  return [`${sign} ${name}: ${value.length <= MAX_VALUE ? value : `${value.slice(0, MAX_VALUE)}…`}`];
}

/** Every value by its way in the definition, as JSON; lists whose order means nothing by what is in them. */
function fieldsOf({ description, inputSchema, annotations }: ToolText): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  collect("description", description, found);
  collect("input", inputSchema, found);
  collect("annotations", annotations, found);
  return found;
}

const SETS: readonly string[] = ["required", "enum", "type"];

function collect(way: string, value: unknown, found: Map<string, string>): void {
  if (typeof value !== "object" || value === null) {
    found.set(way, JSON.stringify(value) ?? "undefined");
    return;
  }
  const isSet = Array.isArray(value) && SETS.includes(way.slice(way.lastIndexOf(".") + 1));
  for (const [key, item] of Object.entries(value)) {
    if (isSet) found.set(`${way} has ${JSON.stringify(item)}`, "yes");
    else collect(`${way}.${key}`, item, found);
  }
}
