// `up [path]`: development in one process: a reconciler that watches a folder, and one runner beside it.
import { resolve } from "node:path";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { CommonFlags, Host } from "../host.ts";
import { say } from "../output.ts";
import { sourceSpec } from "../plan-source.ts";
import type { ListenAddress } from "../reconcile/options.ts";
import { runTogether } from "../run-together.ts";
import { reconcileSource } from "./reconcile.ts";
import { type RunnerCommandOptions, runRunner } from "./runner.ts";

/** What manifests may use of this machine is said as it is to `runner`. */
type MachineOptions = Pick<
  RunnerCommandOptions,
  "secretEnv" | "secretDir" | "ageIdentity" | "allowCommand" | "allowImage" | "privateHost"
>;

export interface UpOptions extends CommonFlags, MachineOptions {
  readonly folder: string;
  readonly concurrency: number;
  /** Where to hear TaskWebhooks. */
  readonly listen?: ListenAddress;
  readonly allowUnprotected?: boolean;
  /** Folders of WebAssembly modules, beside the one that is watched. */
  readonly wasmDir: readonly string[];
}

/** A folder is watched; this only bounds how long a change that the watcher missed can stay unseen. */
const LOOK_AGAIN_MS = 5_000;
const LEASE_MS = 5_000;
/** Development: whoever stops it does not want to wait. What is under way is handed back. */
const DRAIN_MS = 2_000;

export async function runUp(host: Host, options: UpOptions): Promise<ExitCode> {
  say(host, `Save a file in ${resolve(host.cwd, options.folder)} to plan and apply it. Stop with Ctrl-C.`);
  await runTogether(host.signal, [
    (signal) => reconcileFolder({ ...host, signal }, options),
    (signal) => runOne({ ...host, signal }, options),
  ]);
  say(host, "Next: countwheel get tasks      (and `countwheel down` stops the embedded Redis)");
  return EXIT.ok;
}

function reconcileFolder(host: Host, options: UpOptions): Promise<ExitCode> {
  const spec = sourceSpec(host, { folder: options.folder });
  return reconcileSource(host, { ...options, interval: LOOK_AGAIN_MS, once: false }, spec);
}

/** Tools of this machine reach it there; of a port that is chosen at the start nobody knows yet. */
function callbackUrlOf({ listen }: UpOptions): { readonly callbackUrl?: URL } {
  if (listen === undefined || listen.port === 0) return {};
  const isAny = listen.host === "0.0.0.0" || listen.host === "::";
  const host = isAny ? "127.0.0.1" : listen.host.includes(":") ? `[${listen.host}]` : listen.host;
  return { callbackUrl: new URL(`http://${host}:${listen.port}`) };
}

function runOne(host: Host, options: UpOptions): Promise<ExitCode> {
  return runRunner(host, {
    ...options,
    lease: LEASE_MS,
    drainTimeout: DRAIN_MS,
    wasmDir: [options.folder, ...options.wasmDir],
    ...callbackUrlOf(options),
  });
}
