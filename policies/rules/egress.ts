// Step 3: hosts that calls may reach. Addresses that manifests name are judged whatever the call is; URLs among its
// arguments where the Tool says which they are.
import type { Answer } from "../arguments/answer.ts";
import { findArgument, parseArgumentPath } from "../arguments/argument-path.ts";
import { Work } from "../arguments/work.ts";
import type { CompiledPolicy, Egress } from "../compiled.ts";
import { denyBy, type Finding } from "../finding.ts";
import type { ToolData } from "../request.ts";

/** `args`: undefined where the call is not known yet. */
export function findEgress(
  policies: readonly CompiledPolicy[],
  what: string,
  uses: ToolData | undefined,
  args?: Readonly<Record<string, unknown>>,
): Finding[] {
  if (uses === undefined) return [];
  const findings: Finding[] = [];
  for (const policy of policies) {
    // Few policies have one, and this is asked at each call.
    if (policy.egress !== null) findings.push(...judge(policy, policy.egress, what, uses, args ?? {}));
  }
  return findings;
}

function judge(
  policy: CompiledPolicy,
  egress: Egress,
  what: string,
  uses: ToolData,
  args: Readonly<Record<string, unknown>>,
): Finding[] {
  const work = new Work();
  const judged: Judged = { ...egress, hold: (url) => egress.hold(url, work) };
  return [...reachedBy(judged, what, uses), ...namedIn(judged, what, uses, args)].map(([message, path]) =>
    denyBy(policy, "EGRESS_DENIED", "spec.egress", message, path),
  );
}

interface Judged extends Omit<Egress, "hold"> {
  readonly hold: (url: string) => Answer;
}

type Objection = readonly [message: string, path: string];

function reachedBy({ hold, text, processes }: Judged, what: string, { reaches, isProcess }: ToolData): Objection[] {
  const hosts = (reaches ?? [])
    .filter((url) => url === null || hold(url) !== "yes")
    .map((url): Objection => [`${what} reaches ${hostOf(url)}, and what may be reached is ${text}`, "reaches"]);
  if (processes || isProcess !== true) return hosts;
  return [...hosts, [`${what} is carried out by a process, which may reach anything`, "reaches"]];
}

function hostOf(url: string | null): string {
  if (url === null || !URL.canParse(url)) return "a place that nobody can tell";
  return `\`${new URL(url).host}\``;
}

/** Never the values: they may be secret. An argument that is not given reaches nothing. */
function namedIn(
  { hold, text }: Judged,
  what: string,
  { urlArguments }: ToolData,
  args: Readonly<Record<string, unknown>>,
): Objection[] {
  return (urlArguments ?? []).flatMap((name): Objection[] => {
    const path = parseArgumentPath(name);
    const found = path === undefined ? undefined : findArgument(args, path);
    if (found?.found === false) return [];
    const answer = found === undefined ? "unsure" : judgeUrls(hold, found.value);
    if (answer === "yes") return [];
    const unsure = answer === "unsure" ? ", and nobody can tell where it leads" : "";
    return [[`\`${name}\` of ${what} must be ${text}${unsure}`, `arguments.${name}`]];
  });
}

/** One URL, or a list of them. */
function judgeUrls(hold: Judged["hold"], value: unknown): Answer {
  const urls: readonly unknown[] = Array.isArray(value) ? value : [value];
  const answers = urls.map((url) => (typeof url === "string" ? hold(url) : "unsure"));
  if (answers.includes("no")) return "no";
  return answers.includes("unsure") ? "unsure" : "yes";
}
