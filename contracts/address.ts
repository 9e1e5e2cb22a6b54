// The address of a manifest or record: `Kind/namespace/name`, and the rules for the names in it.

export const KIND_NAMES = [
  "Agent",
  "AgentPolicy",
  "AgentRole",
  "AgentSystem",
  "McpServer",
  "Memory",
  "ModelEndpoint",
  "PolicyTest",
  "Secret",
  "Task",
  "TaskSchedule",
  "TaskWebhook",
  "Tool",
  "ToolApproval",
  "ToolPermission",
  "Worker",
] as const;

export type KindName = (typeof KIND_NAMES)[number];

declare const addressBrand: unique symbol;
/** `Kind/namespace/name`. Made only by {@link addressOf} and {@link parseAddress}. */
export type Address = string & { readonly [addressBrand]: true };

export const DEFAULT_NAMESPACE = "default";
export const MAX_NAME_LENGTH = 253;

/** Names go into Redis keys, file names and Markdown: letters, digits, `.`, `_`, `-`, beginning with a letter or digit. */
export const NAME_PATTERN = "^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$";
const NAME = new RegExp(NAME_PATTERN);

export function isName(text: string): boolean {
  return NAME.test(text);
}

export interface AddressParts {
  readonly kind: KindName;
  readonly namespace: string;
  readonly name: string;
}

export function addressOf(parts: AddressParts): Address {
  return `${parts.kind}/${parts.namespace}/${parts.name}` as Address;
}

/** Answers undefined where the text is no address. */
export function parseAddress(text: string): AddressParts | undefined {
  const [kind, namespace, name, ...rest] = text.split("/");
  const known = KIND_NAMES.find((candidate) => candidate === kind);
  if (known === undefined || namespace === undefined || name === undefined || rest.length > 0) return undefined;
  return isName(namespace) && isName(name) ? { kind: known, namespace, name } : undefined;
}

const ADDRESS = new RegExp(`^(?:${KIND_NAMES.join("|")})(?:/${NAME_PATTERN.slice(1, -1)}){2}$`);

/** Whether {@link parseAddress} would answer; a state asks it of each of its records. */
export function isAddress(text: string): text is Address {
  return ADDRESS.test(text);
}

/** How people read an address: the default namespace is left out. */
export function displayAddress(parts: AddressParts): string {
  return parts.namespace === DEFAULT_NAMESPACE
    ? `${parts.kind}/${parts.name}`
    : `${parts.kind}/${parts.namespace}/${parts.name}`;
}
