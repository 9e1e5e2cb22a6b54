// Places of values in a file of secrets: `db.password`, or as a JSON pointer `/db/password` where a key has a dot. Pure.
import { escapePointer } from "./sensitive.ts";

/** Its keys from the outside in; undefined: it is no path. */
export function readSecretPath(text: string): readonly string[] | undefined {
  if (!text.startsWith("/")) {
    const keys = text.split(".");
    return keys.includes("") ? undefined : keys;
  }
  const keys = text.slice(1).split("/");
  if (keys.some((key) => key === "" || /~(?![01])/.test(key))) return undefined;
  return keys.map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** The path of one key, whatever it is made of. */
export function pointerTo(key: string): string {
  return `/${escapePointer(key)}`;
}
