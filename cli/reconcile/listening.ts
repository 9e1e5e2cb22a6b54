// `--listen`: which environments a webhook's repository means. Names come from the configuration, never from a payload.

import { type Listener, startListener } from "../../reconciler/triggers/webhook-listener.ts";
import type { Host } from "../host.ts";
import { say } from "../output.ts";
import { nameOnGithub } from "./name-on-github.ts";
import type { ListenAddress, Served } from "./options.ts";

export interface Hearing extends Served {
  readonly look: () => void;
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
  const named = environments.map(({ spec, look }) => ({ look, name: nameOnGithub(spec, github)?.toLowerCase() }));
  const listener = await startListener({
    ...address,
    secrets: host.config.webhookSecrets,
    onLook: (repository) => {
      for (const { name, look } of named) if (name === repository.toLowerCase()) look();
    },
  });
  say(host, `Hearing webhooks at ${listener.url}/webhook.`);
  if (named.every(({ name }) => name === undefined))
    say(host, "No environment has a repository on GitHub: a webhook says nothing here. Name it with --github.");
  return listener;
}
