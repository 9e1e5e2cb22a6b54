// Paths into the arguments of a call: `order.id`, `items.0.sku`, or a JSON pointer (`/a.b/c`) where a name holds a dot.

export interface ArgumentPath {
  readonly text: string;
  readonly segments: readonly string[];
}

const MAX_SEGMENTS = 16;

/** undefined: the text is no path. */
export function parseArgumentPath(text: string): ArgumentPath | undefined {
  const segments = text.startsWith("/") ? text.slice(1).split("/").map(unescape) : text.split(".");
  if (segments.length > MAX_SEGMENTS || segments.includes("")) return undefined;
  return { text, segments };
}

/** RFC 6901, section 4. */
function unescape(segment: string): string {
  return segment.replace(/~1/g, "/").replace(/~0/g, "~");
}

export type Found = { readonly found: true; readonly value: unknown } | { readonly found: false };

const MISSING: Found = { found: false };

/** Own properties only: `__proto__` and what an object inherits are nobody's arguments. */
export function findArgument(value: unknown, { segments }: ArgumentPath): Found {
  let at = value;
  for (const segment of segments) {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, segment)) return MISSING;
    if (Array.isArray(at) && !/^(0|[1-9][0-9]*)$/.test(segment)) return MISSING;
    at = (at as Readonly<Record<string, unknown>>)[segment];
  }
  return { found: true, value: at };
}
