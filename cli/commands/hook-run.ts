// `hook run pre-receive|post-receive`: what git calls around a push. Quiet for every branch that deploys nothing.
import { join, resolve } from "node:path";
import { PermanentFailure } from "../../contracts/failure.ts";
import { findGitFolder } from "../../reconciler/source/git/git-dir.ts";
import type { GitSetup } from "../../reconciler/source/git-setup.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { type HookEnvironment, readHookSettings } from "../hook/hook-settings.ts";
import type { Push } from "../hook/open-push.ts";
import { parsePushOptions, parseUpdates, type RefUpdate } from "../hook/received.ts";
import type { Host } from "../host.ts";
import { printFailure, say, UsageFailure } from "../output.ts";

export interface HookRunOptions {
  readonly hook: "pre-receive" | "post-receive";
}

export async function runHook(host: Host, { hook }: HookRunOptions): Promise<ExitCode> {
  const updates = parseUpdates(await readInput(process.stdin));
  const gitDir = await gitFolder(host);
  const { path, userHome } = host.config;
  const git = { path, ...(userHome === undefined ? {} : { home: userHome }) };
  const { environments, home } = await readHookSettings({ git, gitDir, signal: host.signal });
  const deployed = environments.flatMap((environment) =>
    updates.filter(({ ref }) => ref === environment.ref).map((update) => ({ hook: environment, update })),
  );
  if (deployed.length === 0) return EXIT.ok;
  const hooksHome = home ?? join(gitDir, ".countwheel");
  const plain = { ...host, config: { ...host.config, color: false, noInput: true, home: hooksHome } };
  const ground = { git: withIncoming(host, git), gitDir, home: hooksHome, isOneOfSeveral: deployed.length > 1 };
  return await forEach(deployed, (one) =>
    hook === "pre-receive" ? before(plain, ground, one) : behind(plain, ground, one),
  );
}

type Ground = Pick<Push, "git" | "gitDir" | "home" | "isOneOfSeveral">;

interface Deployed {
  readonly hook: HookEnvironment;
  readonly update: RefUpdate;
}

async function before(host: Host, ground: Ground, { hook, update }: Deployed): Promise<ExitCode> {
  const { after } = update;
  if (after === null) return refuseDeletion(host, hook);
  const words = parsePushOptions(host.config.push.options);
  for (const name of words.others) say(host, `The push option \`${name}\` is none of Countwheel's.`);
  const { judgePush } = await import("../hook/judge-push.ts");
  return await judgePush(host, { ...ground, hook, update: { ...update, after }, words });
}

async function behind(host: Host, ground: Ground, { hook, update }: Deployed): Promise<ExitCode> {
  const { after } = update;
  if (after === null) return EXIT.ok;
  const words = parsePushOptions(host.config.push.options);
  const { applyPush } = await import("../hook/apply-push.ts");
  return await applyPush(host, { ...ground, hook, update: { ...update, after }, words });
}

/** A branch that is gone would look like a set from which everything was taken. */
function refuseDeletion(host: Host, { env, ref }: HookEnvironment): ExitCode {
  const message = `${ref} is the deploy branch of environment ${env}, and a deletion is no plan`;
  const code = printFailure(host, "text", { code: "DEPLOY_BRANCH", message, exitCode: EXIT.blocked, details: {} });
  say(
    host,
    "Next: to prune everything, push a commit without manifests; to stop deploying, `countwheel hook uninstall`",
  );
  return code;
}

/** All of them, so that one push tells everything; the first code that is not 0. */
async function forEach<T>(items: readonly T[], run: (item: T) => Promise<ExitCode>): Promise<ExitCode> {
  let worst: ExitCode = EXIT.ok;
  for (const item of items) {
    const code = await run(item);
    if (worst === EXIT.ok) worst = code;
  }
  return worst;
}

/** git starts hooks in the repository itself. */
async function gitFolder({ cwd }: Host): Promise<string> {
  const found = await findGitFolder(cwd);
  if (found !== undefined) return found.commonDir;
  throw new UsageFailure(
    "`hook run` is called by git, in the repository that is pushed to: `countwheel hook install` sets it up",
  );
}

/** The objects of the push are apart until it is let in. git names them relative to where it starts the hook, if at all so. */
function withIncoming({ cwd, config }: Host, git: GitSetup): GitSetup {
  const { objects } = config.push;
  if (objects === undefined) return git;
  return { ...git, incoming: { folder: resolve(cwd, objects.folder), alternates: objects.alternates } };
}

const INPUT_BYTES = 16 * 1024 * 1024;

/** A hundred thousand refs are less than this. */
async function readInput(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    size += chunk.length;
    if (size > INPUT_BYTES)
      throw new PermanentFailure("HOOK_INPUT", "the push moves more refs than anybody looks at: push fewer at once");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
