// `history`: the applies of an environment, newest first.
import { type HistoryEntry, readHistory } from "../../store/history.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { CommonFlags, Host } from "../host.ts";
import { printList, say } from "../output.ts";
import { openRedis } from "../redis.ts";
import { renderAge, renderTable } from "../view/table.ts";

export interface HistoryOptions extends CommonFlags {
  readonly limit: number;
  readonly allowUnprotected?: boolean;
}

export async function runHistory(host: Host, options: HistoryOptions): Promise<ExitCode> {
  const server = await openRedis(host, options);
  const { redis } = server;
  try {
    const entries = await readHistory(redis, options.env, options.limit);
    if (options.output === "json") printList(host, entries);
    else
      host.stdout.write(
        renderTable(
          ["SERIAL", "AGE", "COMMIT", "CHANGES", "PLAN"],
          entries.map((entry) => row(entry, host.now())),
        ),
      );
    if (entries.length === 0) say(host, "Nothing was applied yet. Next: countwheel plan");
    return EXIT.ok;
  } finally {
    await server.close();
  }
}

function row({ serial, appliedAt, commit, planDigest, facts }: HistoryEntry, now: Date): string[] {
  return [
    String(serial),
    renderAge(appliedAt, now),
    commit?.slice(0, 7) ?? "-",
    changesOf(facts["counts"]),
    planDigest.slice(0, 15),
  ];
}

/** `+2 ~1 -1`; an entry of another version may hold something else. */
function changesOf(counts: unknown): string {
  if (typeof counts !== "object" || counts === null) return "-";
  const count = (name: string): number => {
    const value: unknown = Reflect.get(counts, name);
    return typeof value === "number" ? value : 0;
  };
  return `+${count("create")} ~${count("update")} -${count("prune")}`;
}
