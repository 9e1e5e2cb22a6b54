// `get approvals` and `describe approval`: the calls and turns that wait for a person, and those that were answered.
import { parseAddress } from "../../contracts/address.ts";
import { renderYaml } from "../../reconciler/load/render-yaml.ts";
import { type KnownApproval, listApprovals } from "../../store/approvals/read-approvals.ts";
import type { Redis } from "../../store/connect.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { findApproval } from "../find-approval.ts";
import { findTask } from "../find-task.ts";
import type { CommonFlags, Host } from "../host.ts";
import { printJson, printList, say } from "../output.ts";
import { readPlaces } from "../places.ts";
import { openRedis } from "../redis.ts";
import { type AroundApproval, approvalRows, renderApproval } from "../view/approvals.ts";
import { renderTable } from "../view/table.ts";
import { watchRows } from "../watch-rows.ts";

export interface GetApprovalsOptions extends CommonFlags {
  readonly name?: string;
  readonly namespace?: string;
  readonly watch: boolean;
}

export async function runGetApprovals(host: Host, options: GetApprovalsOptions): Promise<ExitCode> {
  const { redis, close } = await openRedis(host, options);
  try {
    if (options.watch) {
      return await watchRows(host, async () => approvalRows(await read(redis, options), host.now()));
    }
    print(host, options, await read(redis, options));
    return EXIT.ok;
  } finally {
    await close();
  }
}

/** Those that wait come first, the newest of each last. */
async function read(redis: Redis, { env, name, namespace }: GetApprovalsOptions): Promise<KnownApproval[]> {
  if (name !== undefined) {
    const query = { env, approval: name, ...(namespace === undefined ? {} : { namespace }) };
    return [await findApproval(redis, query)];
  }
  const all = await listApprovals(redis, env);
  const seen = all.filter((approval) => namespace === undefined || approval.namespace === namespace);
  return [...seen.filter(isPending), ...seen.filter((approval) => !isPending(approval))];
}

function isPending({ phase }: KnownApproval): boolean {
  return phase === "Pending";
}

function print(host: Host, { output, name }: GetApprovalsOptions, approvals: readonly KnownApproval[]): void {
  switch (output) {
    case "json":
      return name === undefined ? printList(host, approvals) : printJson(host, approvals[0]);
    case "jsonl":
      for (const approval of approvals) host.stdout.write(`${JSON.stringify(approval)}\n`);
      return;
    case "name":
      for (const approval of approvals) host.stdout.write(`approval/${approval.name}\n`);
      return;
    case "yaml":
      host.stdout.write(renderYaml(name === undefined ? { formatVersion: "1", items: approvals } : approvals[0]));
      return;
    case "text":
    case "wide":
    case "markdown":
      return printTable(host, approvals);
  }
}

function printTable(host: Host, approvals: readonly KnownApproval[]): void {
  if (approvals.length === 0) return say(host, "Nothing was asked yet.");
  const [header = [], ...rows] = approvalRows(approvals, host.now());
  host.stdout.write(renderTable(header, rows));
  const [first] = approvals;
  if (first?.phase === "Pending") say(host, `Next: countwheel describe approval ${nameOf(first)}`);
}

export async function describeApproval(
  host: Host,
  { env, name, namespace, output }: CommonFlags & { readonly name: string; readonly namespace?: string },
  redis: Redis,
): Promise<void> {
  const approval = await findApproval(redis, {
    env,
    approval: name,
    ...(namespace === undefined ? {} : { namespace }),
  });
  const around = await readAround(redis, env, approval);
  if (output === "json") {
    const { placeOf, requestedBy } = around;
    const reasons = approval.reasons.map((reason) => ({ ...reason, place: placeOf(reason.policy) ?? null }));
    return printJson(host, { ...approval, requestedBy, reasons });
  }
  host.stdout.write(renderApproval(approval, around, host.now()));
  if (approval.phase !== "Pending") return say(host, `Next: countwheel trace ${approval.task}`);
  say(host, `Next: countwheel approve ${nameOf(approval)}`);
  say(host, `  or: countwheel deny ${nameOf(approval)} --reason WHY`);
}

function nameOf({ namespace, name }: KnownApproval): string {
  return namespace === "default" ? name : `${namespace}/${name}`;
}

/** Places of the rules that ask; a Secret or a tool stands at none that matters here. */
async function readAround(redis: Redis, env: string, { namespace, task }: KnownApproval): Promise<AroundApproval> {
  const { snapshot, requestedBy = null } = await findTask(redis, { env, task: `${namespace}/${task}` });
  const placeOf = await readPlaces(redis, env, snapshot);
  return { requestedBy, placeOf: (policy) => (parseAddress(policy) === undefined ? undefined : placeOf(policy)) };
}
