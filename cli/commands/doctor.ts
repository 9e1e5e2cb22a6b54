// `doctor`: checks this machine and the Redis, one line per check, each failure with its mend.
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { failureRecord } from "../../contracts/failure.ts";
import { findGitFolder } from "../../reconciler/source/git/git-dir.ts";
import { AgeKeys } from "../../runner/secrets/age-keys.ts";
import { type Breaker, listBreakers } from "../../store/breakers.ts";
import { checkServer, closeRedis, connectRedis, type Redis, type ServerReport } from "../../store/connect.ts";
import { ensureEmbedded, stopEmbedded } from "../../store/embedded/embedded.ts";
import { findProgram } from "../../store/embedded/find-server.ts";
import { readState } from "../../store/state.ts";
import { isOlder } from "../../store/version.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { CommonFlags, Host } from "../host.ts";
import { type Paint, paintFor, printJson } from "../output.ts";
import { shellWord } from "../plan-source.ts";
import { countwheelHome } from "../repository-root.ts";
import { checkSealed } from "../sealed-check.ts";
import { identitySources } from "../secret-access.ts";
import { breakerSentence } from "../view/breaker.ts";
import { renderBytes } from "../view/table.ts";

export interface DoctorOptions extends CommonFlags {
  readonly allowUnprotected?: boolean;
  readonly ageIdentity?: readonly string[];
}

type Status = "ok" | "warn" | "fail";

interface Check {
  readonly name: string;
  readonly status: Status;
  readonly found: string;
  /** What to do; empty where nothing is to be done. */
  readonly mend: string;
}

const OLDEST_NODE = "20.19";
/** The first with `--end-of-options` everywhere and with partial clones that can be trusted. */
const OLDEST_GIT = "2.30";

export async function runDoctor(host: Host, options: DoctorOptions): Promise<ExitCode> {
  const checks = [
    checkNode(process.versions.node),
    await checkGit(host.config.path),
    await checkHome(countwheelHome(host.config, host.cwd)),
    ...(await checkHooks(host)),
    ...(await checkRedis(host, options)),
    await checkOptional(host.config.path, "bwrap", "sandboxed tools and MCP servers; install bubblewrap"),
    await checkOptional(host.config.path, "sops", "Secrets in files of SOPS; install sops"),
    await checkContainers(host.config.path),
  ];
  const healthy = checks.every(({ status }) => status !== "fail");
  if (options.output === "json") printJson(host, { formatVersion: "1", healthy, checks });
  else host.stdout.write(renderChecks(checks, paintFor(host.stdout, host.config.color)));
  return healthy ? EXIT.ok : EXIT.failed;
}

function checkNode(version: string): Check {
  if (isOlder(version, OLDEST_NODE)) return check("node", "fail", version, `install Node ${OLDEST_NODE} or newer`);
  return check("node", "ok", version);
}

async function checkGit(path: string): Promise<Check> {
  try {
    const { stdout } = await promisify(execFile)("git", ["--version"], { env: { PATH: path } });
    const version = /\d+\.\d+(\.\d+)?/.exec(stdout)?.[0] ?? "0";
    if (isOlder(version, OLDEST_GIT)) return check("git", "fail", version, `install git ${OLDEST_GIT} or newer`);
    return check("git", "ok", version);
  } catch {
    return check("git", "fail", "not on the PATH", "install git");
  }
}

async function checkHome(home: string): Promise<Check> {
  try {
    await mkdir(home, { recursive: true });
    await rm(await mkdtemp(join(home, "doctor-")), { recursive: true });
    return check("home", "ok", `${home} can be written`);
  } catch (error) {
    const why = error instanceof Error && "code" in error ? String(error.code) : "unknown";
    return check("home", "fail", `${home} cannot be written (${why})`, "set COUNTWHEEL_HOME to a folder of yours");
  }
}

/** Where the command stands in a bare repository that deploys by push. */
async function checkHooks({ cwd }: Host): Promise<Check[]> {
  const found = await findGitFolder(cwd);
  if (found === undefined || found.workTree !== undefined) return [];
  const { findBrokenHooks } = await import("../hook/check-hooks.ts");
  const { ours, broken } = await findBrokenHooks(found.gitDir);
  const mend = `countwheel hook install ${shellWord(found.gitDir)}`;
  if (broken.length > 0) return broken.map((what) => check("hooks", "fail", what, mend));
  return ours.length === 0 ? [] : [check("hooks", "ok", ours.join(", "))];
}

/** The server that the other commands would use. An embedded one that was not running is stopped again. */
async function checkRedis(host: Host, options: DoctorOptions): Promise<Check[]> {
  const given = options.redis ?? host.config.redisUrl;
  if (given !== undefined) return checkUrl(host, given, "the given Redis", options);
  const home = countwheelHome(host.config, host.cwd);
  let wasStarted = false;
  try {
    const { path, userHome } = host.config;
    const server = await ensureEmbedded({ home, path, userHome, say: () => (wasStarted = true) });
    return await checkUrl(host, server.url, `embedded: ${server.how}`, options);
  } catch (error) {
    return [failed(error)];
  } finally {
    if (wasStarted) await stopEmbedded(home);
  }
}

async function checkUrl(host: Host, url: string, which: string, options: DoctorOptions): Promise<Check[]> {
  const { allowUnprotected = false, env } = options;
  try {
    const redis = connectRedis(url, "command", host.config.stateKey);
    try {
      const report = await checkServer(redis, { allowUnprotected });
      const breakers = reportBreakers(await listBreakers(redis, env));
      return [...reportChecks(which, report), ...breakers, ...(await checkSecrets(host, redis, options))];
    } finally {
      await closeRedis(redis);
    }
  } catch (error) {
    return [failed(error)];
  }
}

function reportChecks(which: string, report: ServerReport): Check[] {
  const { product, version, policy, persistence, memory, warnings } = report;
  const used = memory.used === null ? "" : `, uses ${renderBytes(memory.used)}`;
  const max = memory.max === null ? "" : ` of ${renderBytes(memory.max)}`;
  const found = `${product} ${version}, ${which}; maxmemory-policy ${policy}, persistence ${persistence}${used}${max}`;
  return [check("redis", "ok", found), ...warnings.map((warning) => check("redis", "warn", "", warning))];
}

/** Told where the environment has sealed values. What another machine's runners can open, only they know. */
async function checkSecrets(host: Host, redis: Redis, { env, ageIdentity = [] }: DoctorOptions): Promise<Check[]> {
  const { records } = await readState(redis, env);
  const { opened, closed } = await checkSealed(records.values(), new AgeKeys(identitySources(host, ageIdentity)));
  const fine =
    opened === 0
      ? []
      : [check("sealed", "ok", `${opened} sealed ${opened === 1 ? "value opens" : "values open"} here`)];
  return [...fine, ...closed.map(({ place, code, why }) => check("sealed", "warn", `Secret ${place} (${code})`, why))];
}

/** Endpoints that are left alone for a while. One whose calls failed a few times only is nobody's worry yet. */
function reportBreakers(breakers: readonly Breaker[]): Check[] {
  const open = breakers.filter(({ state }) => state !== "closed");
  return open.map((breaker) =>
    check("models", "warn", `ModelEndpoint ${breaker.endpoint}`, `its breaker is ${breakerSentence(breaker)}`),
  );
}

/** A failure of ours says what to do in its own words. Anything else is a bug, and not for this command to hide. */
function failed(error: unknown): Check {
  const { code, message } = failureRecord(error);
  if (code === "BUG") throw error;
  return check("redis", "fail", code, message);
}

/** Whether its engine answers, only a runner's user can tell. */
async function checkContainers(path: string): Promise<Check> {
  const podman = await findProgram(path, "podman");
  if (podman !== undefined && (await findProgram(path, "docker")) === undefined) return check("podman", "ok", podman);
  return checkOptional(path, "docker", "MCP servers that run from an image; install Docker or Podman");
}

async function checkOptional(path: string, program: string, without: string): Promise<Check> {
  const file = await findProgram(path, program);
  return file === undefined
    ? check(program, "warn", "not on the PATH", `needed for ${without}`)
    : check(program, "ok", file);
}

function check(name: string, status: Status, found: string, mend = ""): Check {
  return { name, status, found, mend };
}

const COLOUR = { ok: "green", warn: "yellow", fail: "red" } as const;

function renderChecks(checks: readonly Check[], paint: Paint): string {
  const lines = checks.map(({ name, status, found, mend }) => {
    const words = [found, mend].filter((text) => text !== "").join(": ");
    return `${paint(COLOUR[status], status.padEnd(5))} ${name.padEnd(7)} ${words}\n`;
  });
  return lines.join("");
}
