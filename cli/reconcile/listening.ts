// `--listen`: which environments a webhook's repository means, and which one a TaskWebhook belongs to. Names come from the
// configuration, never from a payload.
import type { IncomingMessage } from "node:http";
import { failureRecord } from "../../contracts/failure.ts";
import { answerToolCallback } from "../../reconciler/triggers/callbacks/answer-callback.ts";
import { answerHook, type HookAnswer, type HookDesk } from "../../reconciler/triggers/hooks/answer-hook.ts";
import { type Listener, type ListenerOptions, startListener } from "../../reconciler/triggers/webhook-listener.ts";
import type { Click } from "../../store/page-clicks.ts";
import type { Host } from "../host.ts";
import { say } from "../output.ts";
import { nameOnGithub } from "./name-on-github.ts";
import type { ListenAddress, Served } from "./options.ts";

export interface Hearing extends Served {
  readonly look: () => void;
  /** Somebody may have said something that is meant for it; undefined: it hears no commands. */
  readonly hear?: () => void;
  /** Somebody pressed a button of one of its checks; undefined: it offers none. */
  readonly click?: (click: Click) => Promise<void>;
  /** Its TaskWebhooks; undefined in a dry run, which takes nothing. */
  readonly hooks?: HookDesk;
}

export interface ListeningOptions {
  readonly address: ListenAddress;
  /** `--github`: the name on GitHub of a repository that is read from a directory. */
  readonly github: string | undefined;
}

export async function startListening(
  host: Host,
  { address, github }: ListeningOptions,
  environments: readonly Hearing[],
): Promise<Listener> {
  const named = environments.map(({ spec, look, hear, click }) => ({
    look,
    hear,
    click,
    name: nameOnGithub(spec, github)?.toLowerCase(),
  }));
  const { webhookSecrets: secrets } = host.config;
  const desks = new Map(environments.flatMap(({ env, hooks }) => (hooks === undefined ? [] : [[env, hooks] as const])));
  const listener = await startListener({
    ...address,
    secrets,
    ...(desks.size === 0 ? {} : { ...answersFor(host, desks) }),
    onLook: (repository) => {
      for (const { name, look } of named) if (name === repository.toLowerCase()) look();
    },
    onCommand: (repository) => {
      for (const { name, hear } of named) if (name === repository.toLowerCase()) hear?.();
    },
    onClick: async (repository, clicked) => {
      for (const { name, click } of named) if (name === repository.toLowerCase()) await click?.(clicked);
    },
  });
  for (const env of desks.keys()) say(host, `TaskWebhooks: POST ${listener.url}/hooks/${env}/<namespace>/<name>`);
  if (desks.size > 0) say(host, `Answers of tools: at ${listener.url}/callbacks/ (runner --callback-url)`);
  if (secrets.length === 0) {
    say(host, "GitHub's own webhooks are not heard: they need a secret in COUNTWHEEL_WEBHOOK_SECRET.");
    return listener;
  }
  say(host, `Hearing webhooks at ${listener.url}/webhook.`);
  if (named.every(({ name }) => name === undefined))
    say(host, "No environment has a repository on GitHub: a webhook says nothing here. Name it with --github.");
  return listener;
}

type Answer = (desk: HookDesk, path: string, request: IncomingMessage) => Promise<HookAnswer>;

/** By the environment that the path begins with. A request can make nothing end but itself. */
function answersFor(host: Host, desks: ReadonlyMap<string, HookDesk>): Pick<ListenerOptions, "onHook" | "onCallback"> {
  const by =
    (answer: Answer, what: string) =>
    async (path: string, request: IncomingMessage): Promise<HookAnswer> => {
      const slash = path.indexOf("/");
      const desk = desks.get(path.slice(0, Math.max(0, slash)));
      if (desk === undefined) return { status: 404, body: { error: `there is no such ${what}` } };
      try {
        return await answer(desk, path.slice(slash + 1), request);
      } catch (error) {
        say(host, `This is a bug of Countwheel, please report it: ${failureRecord(error).message}`);
        return { status: 500, body: { error: `this ${what} is not set up` } };
      }
    };
  return { onHook: by(answerHook, "webhook"), onCallback: by(answerToolCallback, "call") };
}
