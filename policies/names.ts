// How names in policies are compared: so that a rule never misses because of case, a space or a `_`.

/** Tools: without namespace and case; `_` and `.` count as `-`, as in the names of tools that MCP servers provide. */
export function toolKey(name: string): string {
  const trimmed = name.trim();
  return trimmed
    .slice(trimmed.lastIndexOf("/") + 1)
    .toLowerCase()
    .replace(/[_.]/g, "-");
}

/** Models and everything else: without case and outer spaces. */
export function nameKey(name: string): string {
  return name.trim().toLowerCase();
}

/** Systems, tasks, agents and roles: `namespace/name`; a name alone is one of `namespace`. */
export function scopedKey(namespace: string, name: string): string {
  const key = nameKey(name);
  return key.includes("/") ? key : `${nameKey(namespace)}/${key}`;
}

/** `tool:<name>:invoke` and `capability:<cap>`: without spaces and case, `_` and `.` as `-`. */
export function permissionKey(permission: string): string {
  return permission.toLowerCase().replace(/\s+/g, "").replace(/[_.]/g, "-");
}

/** A key in which `*` stands for any run of characters, an empty one included. */
export interface Pattern {
  /** What a key begins with; all of it, where there is no `*`. */
  readonly first: string;
  /** Between the stars, in order. */
  readonly middle: readonly string[];
  /** null: no `*`. */
  readonly last: string | null;
}

export function compilePattern(key: string): Pattern {
  const [first = "", ...rest] = key.split("*");
  return { first, last: rest.pop() ?? null, middle: rest.filter((part) => part !== "") };
}

/** Linear in the key, whatever the pattern: no regular expression, no backtracking. */
export function matchesPattern({ first, middle, last }: Pattern, key: string): boolean {
  if (last === null) return key === first;
  if (!key.startsWith(first) || !key.endsWith(last) || key.length < first.length + last.length) return false;
  const end = key.length - last.length;
  let from = first.length;
  for (const part of middle) {
    const at = key.indexOf(part, from);
    if (at === -1 || at + part.length > end) return false;
    from = at + part.length;
  }
  return true;
}
