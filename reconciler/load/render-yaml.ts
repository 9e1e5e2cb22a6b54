// Writes values as YAML for people. Lives here because this room owns the YAML library.
import { stringify } from "yaml";

export function renderYaml(value: unknown): string {
  return stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });
}
