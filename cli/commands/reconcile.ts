// `reconcile`: watches repositories and applies what reaches their branches, until it is stopped; `--once` looks once.
import type { SourceSpec } from "../../reconciler/environment-source.ts";
import { approvalKeyPrefix } from "../../reconciler/report/approvals/approval-check.ts";
import { planCheckSubject } from "../../reconciler/report/plan-check.ts";
import type { Listener } from "../../reconciler/triggers/webhook-listener.ts";
import { type Click, noteClick } from "../../store/page-clicks.ts";
import { noteCommand } from "../../store/page-commands.ts";
import { makeReadOnly } from "../../store/read-only.ts";
import { environmentCommit, findSettings } from "../environment-settings.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { Host } from "../host.ts";
import { say, UsageFailure } from "../output.ts";
import { sourceWords } from "../plan-source.ts";
import { type OpenEnvironment, openEnvironment, openMissed } from "../reconcile/environment.ts";
import { hookDesk } from "../reconcile/hooks.ts";
import { startListening } from "../reconcile/listening.ts";
import { apart, type Looking, lookOn, watchDry } from "../reconcile/look-on.ts";
import { lookOnce } from "../reconcile/look-once.ts";
import type { ReconcileOptions, Served } from "../reconcile/options.ts";
import { findServed, optionsFor } from "../reconcile/served.ts";
import { type OpenRedis, openRedis } from "../redis.ts";
import { runTogether } from "../run-together.ts";

export async function runReconcile(host: Host, options: ReconcileOptions): Promise<ExitCode> {
  if (options.all === true) return await reconcileEvery(host, options);
  const found = await findSettings(host, options);
  if (found.outcome === "invalid") return found.exitCode;
  const { settings } = found;
  return await reconcileAll(host, options, [
    { env: options.env, spec: environmentCommit(host, options, found), settings, folder: found.folder },
  ]);
}

async function reconcileEvery(host: Host, options: ReconcileOptions): Promise<ExitCode> {
  const found = await findServed(host, options);
  return found.outcome === "invalid" ? found.exitCode : await reconcileAll(host, options, found.served);
}

/** Looks again and again at a repository or, for development, at a folder. */
export async function reconcileSource(host: Host, options: ReconcileOptions, spec: SourceSpec): Promise<ExitCode> {
  const found = await findSettings(host, options);
  if (found.outcome === "invalid") return found.exitCode;
  return await reconcileAll(host, options, [
    { env: options.env, spec, settings: found.settings, folder: found.folder },
  ]);
}

async function reconcileAll(host: Host, options: ReconcileOptions, all: readonly Served[]): Promise<ExitCode> {
  if (options.once && options.listen !== undefined) throw new UsageFailure("--once ends at once: leave --listen out");
  const server = await openRedis(host, options);
  const open: OpenEnvironment[] = [];
  const missedPresses = await openMissed(host, options);
  try {
    const used = options.dryRun === true ? { ...server, redis: makeReadOnly(server.redis) } : server;
    for (const served of all)
      open.push(
        await openEnvironment(host, {
          options: optionsFor(options, served),
          server: used,
          served,
          naming: all.length > 1,
          missedPresses,
        }),
      );
    if (options.once) return await lookOnceAtAll(host, open);
    for (const { env, spec } of open) say(host, `Watching ${sourceWords(spec, host)} for environment ${env}.`);
    await serve(host, options, { open, server: used });
    return EXIT.ok;
  } finally {
    for (const { close } of open) await close();
    await server.close();
  }
}

/** The first exit code that is not 0: whoever reads it looks at the output anyway. */
async function lookOnceAtAll(host: Host, open: readonly OpenEnvironment[]): Promise<ExitCode> {
  let worst: ExitCode = EXIT.ok;
  for (const environment of open) {
    const code = await lookOnce(host, environment);
    if (worst === EXIT.ok) worst = code;
  }
  return worst;
}

/** Noted first: whichever replica leads looks for it. What gets lost is found by the poll. */
function hearCommand(environment: OpenEnvironment, looks: ReadonlyMap<OpenEnvironment, Looking>): void {
  const { redis, env } = environment.loop.writer;
  const look = (): void => looks.get(environment)?.look();
  void noteCommand(redis, env).then(look, () => undefined);
}

/** Kept first: nobody but GitHub, asked to, tells of it a second time. Those of other environments' checks are theirs. */
async function hearClick(
  environment: OpenEnvironment,
  looks: ReadonlyMap<OpenEnvironment, Looking>,
  click: Click,
): Promise<void> {
  const { redis, env, now } = environment.loop.writer;
  const isOfPlan = click.externalId.startsWith(`${planCheckSubject(env, click.head).key}:`);
  if (!isOfPlan && !click.externalId.startsWith(approvalKeyPrefix(env))) return;
  try {
    await noteClick(redis, env, click, now().getTime());
  } catch (error) {
    environment.report?.missedPresses?.note();
    throw error;
  }
  hearCommand(environment, looks);
}

interface Serving {
  readonly open: readonly OpenEnvironment[];
  readonly server: OpenRedis;
}

async function serve(host: Host, options: ReconcileOptions, { open, server }: Serving): Promise<void> {
  const subscriber = options.dryRun === true ? undefined : server.connectAnother("worker");
  const looks = new Map<OpenEnvironment, Looking>();
  const start = (environment: OpenEnvironment, signal: AbortSignal): Promise<void> => {
    const looking = subscriber === undefined ? watchDry(environment, signal) : lookOn(environment, subscriber, signal);
    looks.set(environment, looking);
    return looking.stopped;
  };
  let listener: Listener | undefined;
  if (options.listen !== undefined) {
    const hearing = open.map((environment) => ({
      ...environment,
      look: () => looks.get(environment)?.look(),
      ...(environment.report === undefined ? {} : { hear: () => hearCommand(environment, looks) }),
      ...(environment.report?.buttons === true
        ? { click: (click: Click) => hearClick(environment, looks, click) }
        : {}),
      ...(options.dryRun === true ? {} : { hooks: hookDesk(host, options, environment) }),
    }));
    listener = await startListening(host, { address: options.listen, github: options.github }, hearing);
  }
  try {
    await runTogether(
      host.signal,
      open.map((environment) => (signal) => {
        const run = (): Promise<void> => start(environment, signal);
        return open.length > 1 ? apart(environment, signal, run) : run();
      }),
    );
  } finally {
    await listener?.stop();
  }
}
