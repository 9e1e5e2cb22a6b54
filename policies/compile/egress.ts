// Compiles `egress` of an AgentPolicy: which hosts calls may reach. Ours, and read strictly.
import { compilePlaces } from "../arguments/matchers/url-host.ts";
import type { Egress, SpecError } from "../compiled.ts";
import { refuseUnknown } from "./match.ts";
import { type Fields, fieldOf, isAbsent, isFields, readWord } from "./read.ts";

const RULE = "spec.egress";
const KEYS = ["allow_hosts", "addresses", "schemes", "ports", "processes"];

export function compileEgress(fields: Fields, errors: SpecError[]): Egress | null {
  const egress = fieldOf(fields, "egress");
  if (isAbsent(egress)) return null;
  if (!isFields(egress)) {
    errors.push({ rule: RULE, message: `\`${RULE}\` is no map` });
    return null;
  }
  refuseUnknown(egress, KEYS, RULE, errors);
  const processes = readWord(egress, "processes", RULE, ["allow", "deny"], "allow", errors) === "allow";
  return { ...readPlaces(egress, errors), processes };
}

const NOWHERE: Pick<Egress, "text" | "hold"> = { text: "none, for nothing may be reached", hold: () => "no" };

function readPlaces(egress: Fields, errors: SpecError[]): Pick<Egress, "text" | "hold"> {
  const { allow_hosts: hosts, processes: _, ...rest } = egress;
  if (Array.isArray(hosts) && hosts.length === 0) return NOWHERE;
  if (isAbsent(hosts) && isAbsent(fieldOf(egress, "addresses"))) {
    errors.push({ rule: RULE, message: `\`${RULE}\` has neither \`allow_hosts\` nor \`addresses\`` });
    return NOWHERE;
  }
  // One by one, so that the one that is wrong is named.
  const before = errors.length;
  if (Array.isArray(hosts)) {
    for (const [index, host] of hosts.entries())
      compilePlaces({ hosts: host }, `${RULE}.allow_hosts[${index}]`, errors);
  }
  if (errors.length > before) return NOWHERE;
  const known = Object.fromEntries(Object.entries(rest).filter(([name]) => KEYS.includes(name)));
  return compilePlaces(isAbsent(hosts) ? known : { ...known, hosts }, RULE, errors) ?? NOWHERE;
}
