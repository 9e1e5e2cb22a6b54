// `-w`: prints a table, and then each row again when it changes, until the command is stopped.
import { setTimeout as wait } from "node:timers/promises";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import type { Host } from "./host.ts";
import { renderTable } from "./view/table.ts";

const LOOK_MS = 500;

/** `read` gives the header and the rows. The last column (an age) does not count as a change. */
export async function watchRows(
  host: Pick<Host, "stdout" | "signal">,
  read: () => Promise<readonly (readonly string[])[]>,
): Promise<ExitCode> {
  const shown = new Set<string>();
  for (let first = true; !host.signal.aborted; first = false) {
    const [header = [], ...rows] = await read();
    const fresh = rows.filter((row) => !shown.has(identityOf(row)));
    const table = renderTable(header, fresh);
    host.stdout.write(first ? table : table.slice(table.indexOf("\n") + 1));
    for (const row of fresh) shown.add(identityOf(row));
    await wait(LOOK_MS, undefined, { signal: host.signal }).catch(() => undefined);
  }
  return EXIT.ok;
}

function identityOf(row: readonly string[]): string {
  return row.slice(0, -1).join("\0");
}
