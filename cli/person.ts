// Who runs this command, for the history: as they say, as the CI job says, as git knows them, or as the machine does.
import { execFile } from "node:child_process";
import { userInfo } from "node:os";
import { promisify } from "node:util";
import { oneLine, shorten } from "../reconciler/plan/inert.ts";
import type { Host } from "./host.ts";
import { UsageFailure } from "./output.ts";

const LONGEST_NAME = 100;
const GIT_MS = 2_000;

/** What only an identity that was proven may look like. */
const PROVEN = /^\s*(local|github|token):/i;

/** A name as it was given: it is shown to people, and nothing is decided from it. Throws UsageFailure. */
export async function personOf(host: Host, as: string | undefined): Promise<string> {
  refuseIdentity(as);
  const name = as ?? host.config.actor ?? (await gitUser(host)) ?? userInfo().username;
  return shorten(oneLine(name.replace(PROVEN, "$1 ")), LONGEST_NAME);
}

/** A name beside who was proven must not read like another identity. Throws UsageFailure. */
export function refuseIdentity(as: string | undefined): void {
  if (as === undefined || !PROVEN.test(as)) return;
  throw new UsageFailure(`\`--as ${shorten(oneLine(as), LONGEST_NAME)}\` reads like an identity: it is a name only`);
}

async function gitUser({ cwd, config: { path, userHome } }: Host): Promise<string | undefined> {
  const env = { PATH: path, ...(userHome === undefined ? {} : { HOME: userHome }) };
  const asked = promisify(execFile)("git", ["config", "--get", "user.name"], { cwd, env, timeout: GIT_MS });
  // No git, no repository or no name: the next source is asked.
  const answer = await asked.catch(() => undefined);
  return answer?.stdout.trim() || undefined;
}
