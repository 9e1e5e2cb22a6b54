// The small part of JSONPath that edge conditions use: `$.a.b`, `$.items[0]`, `$['odd name']`. No filters, no wildcards.

const STEP = /\.?([A-Za-z_][\w-]*)|\[(\d+)\]|\['([^']*)'\]|\["([^"]*)"\]/y;

/** The value at the path, or undefined where there is none or the path is not of this grammar. */
export function findPath(value: unknown, path: string): unknown {
  const steps = parsePath(path);
  if (steps === undefined) return undefined;
  return steps.reduce<unknown>((at, step) => child(at, step), value);
}

/** The keys of a path, in order; undefined where the text is no path. */
function parsePath(path: string): readonly string[] | undefined {
  const text = path.startsWith("$") ? path.slice(1) : path;
  const steps: string[] = [];
  STEP.lastIndex = 0;
  while (STEP.lastIndex < text.length) {
    const match = STEP.exec(text);
    if (match === null) return undefined;
    steps.push(match.slice(1).find((part) => part !== undefined) ?? "");
  }
  return steps;
}

function child(value: unknown, key: string): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
  return Reflect.get(value, key);
}
