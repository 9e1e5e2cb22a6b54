// `url_host`: where a URL leads, as every reader of it must understand it.
import { isFields } from "../../compile/read.ts";
import type { SpecError } from "../../compiled.ts";
import { ADDRESS_CLASSES, type AddressClass, addressClass } from "../address-class.ts";
import { type Answer, answerOf } from "../answer.ts";
import { type CompileWord, refuse } from "../matcher.ts";
import type { Work } from "../work.ts";
import { ofText, readTexts } from "./texts.ts";

const FIELDS = ["hosts", "schemes", "ports", "addresses"];
const MAX_URL = 2_048;

interface Spec {
  /** null: any whose address class is allowed. */
  readonly hosts: readonly string[] | null;
  readonly schemes: readonly string[];
  /** null: any. */
  readonly ports: readonly number[] | null;
  readonly addresses: readonly AddressClass[];
}

/**
 * `api.example.com`, a list of hosts, or `{hosts, schemes, ports, addresses}`. `*.example.com` stands for what is below
 * example.com, not for it. Without `addresses`, a host that is listed may be anywhere, and all others must be public.
 */
export const urlHost: CompileWord = (wanted, rule, errors) => {
  const places = compilePlaces(isFields(wanted) ? wanted : { hosts: wanted }, rule, errors);
  if (places === undefined) return undefined;
  return { text: places.text, holds: (value, { work }) => ofText(value, (url) => places.hold(url, work)) };
};

/** Where URLs may lead. */
export interface Places {
  /** `a URL (https, http) of \`api.example.com\``. */
  readonly text: string;
  readonly hold: (url: string, work: Work) => Answer;
}

/** Of `{hosts, schemes, ports, addresses}`. undefined: an error was added. */
export function compilePlaces(
  fields: Readonly<Record<string, unknown>>,
  rule: string,
  errors: SpecError[],
): Places | undefined {
  const spec = readSpec(fields, rule, errors);
  if (spec === undefined) return undefined;
  return { text: textOf(spec), hold: (url, work) => (mayJudge(spec, url, work) ? judge(spec, url) : "unsure") };
}

function mayJudge({ hosts }: Spec, text: string, work: Work): boolean {
  return text.length <= MAX_URL && work.spend(text.length + 4 * (hosts?.length ?? 0));
}

function textOf({ hosts, schemes, addresses }: Spec): string {
  const where =
    hosts === null ? `a ${addresses.join(" or ")} address` : hosts.map((host) => `\`${host}\``).join(" or ");
  return `a URL (${schemes.join(", ")}) of ${where}`;
}

/** Readers differ about backslashes, spaces, control characters and credentials: nobody can tell where these lead. */
const AMBIGUOUS = /[\p{Cc}\s\\]/u;

function judge({ hosts, schemes, ports, addresses }: Spec, text: string): Answer {
  if (AMBIGUOUS.test(text) || !URL.canParse(text)) return "unsure";
  const { protocol, hostname, username, password, port } = new URL(text);
  if (hostname === "" || username !== "" || password !== "" || /^[^/]*\/\/[^/?#]*@/.test(text)) return "unsure";
  if (!schemes.includes(protocol.slice(0, -1))) return "no";
  if (ports !== null && !ports.includes(portOf(port, protocol))) return "no";
  const host = hostname.replace(/\.$/, "");
  if (hosts !== null && !hosts.some((pattern) => isHost(pattern, host))) return "no";
  return answerOf(addresses.includes(addressClass(host)));
}

function portOf(port: string, protocol: string): number {
  if (port !== "") return Number(port);
  return protocol === "https:" || protocol === "wss:" ? 443 : 80;
}

function isHost(pattern: string, host: string): boolean {
  return pattern.startsWith("*.") ? host.endsWith(pattern.slice(1)) && !/^[0-9.]+$|^\[/.test(host) : host === pattern;
}

function readSpec(fields: Readonly<Record<string, unknown>>, rule: string, errors: SpecError[]): Spec | undefined {
  const strange = Object.keys(fields).find((name) => !FIELDS.includes(name));
  if (strange !== undefined) return refuse(errors, `${rule}.${strange}`, `is none of ${FIELDS.join(", ")}`);
  const hosts = fields["hosts"] === undefined ? null : readTexts(fields["hosts"])?.map(hostPattern);
  if (hosts === undefined || hosts?.includes(undefined))
    return refuse(errors, rule, "names no hosts (no scheme, no path)");
  const schemes = fields["schemes"] === undefined ? ["https", "http"] : readTexts(fields["schemes"]);
  if (schemes === undefined) return refuse(errors, `${rule}.schemes`, "is no list of schemes");
  const ports = readPorts(fields["ports"]);
  if (ports === undefined) return refuse(errors, `${rule}.ports`, "is no list of ports");
  const addresses = readAddresses(fields["addresses"], hosts !== null);
  if (addresses === undefined) return refuse(errors, `${rule}.addresses`, `is none of ${ADDRESS_CLASSES.join(", ")}`);
  return { hosts: hosts?.flatMap((host) => host ?? []) ?? null, schemes, ports, addresses };
}

/** Written as the URL parser writes it; undefined: no host. */
function hostPattern(text: string): string | undefined {
  const [stars, name] = text.startsWith("*.") ? ["*.", text.slice(2)] : ["", text];
  if (!/^[^\s/@:*?#\\]+$|^\[[0-9a-f:.]+\]$/i.test(name) || !URL.canParse(`https://${name}/`)) return undefined;
  return `${stars}${new URL(`https://${name}/`).hostname.replace(/\.$/, "")}`;
}

function readPorts(value: unknown): readonly number[] | null | undefined {
  if (value === undefined) return null;
  const ports: readonly unknown[] = Array.isArray(value) ? value : [value];
  const known = ports.filter((port) => Number.isSafeInteger(port)) as readonly number[];
  return ports.length === 0 || known.length < ports.length ? undefined : known;
}

function readAddresses(value: unknown, isListed: boolean): readonly AddressClass[] | undefined {
  if (value === undefined) return isListed ? ADDRESS_CLASSES : ["public"];
  const words = readTexts(value);
  const known = ADDRESS_CLASSES.filter((candidate) => words?.includes(candidate));
  return words === undefined || known.length < new Set(words).size ? undefined : known;
}
