// Tells what this runner sees of the world, for `drift`: the tools that MCP servers offer, the secrets it has no value for.
import { PermanentFailure } from "../contracts/failure.ts";
import { launchDigest } from "../contracts/mcp-launch.ts";
import { readSecretRef, type SecretRef } from "../contracts/secret-ref.ts";
import { pinDigest, type ToolText } from "../contracts/tool-difference.ts";
import type { Redis } from "../store/connect.ts";
import { forgetMissingSecret, tellMissingSecret, tellTools } from "../store/sightings.ts";
import type { Secrets } from "./secrets/secrets.ts";
import type { FoundServer } from "./tools/find-manifest.ts";

export interface SightingOptions {
  readonly redis: Redis;
  readonly env: string;
  /** The runner. */
  readonly id: string;
  readonly now: () => Date;
}

export interface Sightings {
  /** `tools`: what pins of them would hold; `texts`: what the pinned ones are, by digest. */
  serverOpened(
    server: FoundServer,
    tools: Readonly<Record<string, string>>,
    texts: Readonly<Record<string, ToolText>>,
  ): void;
  /** The same secrets; what they answer is told on the side. */
  watch(secrets: Secrets): Secrets;
}

/** Work never waits for what is told, and never fails by it: what is not told now is told at the next use. */
export function openSightings({ redis, env, id, now }: SightingOptions): Sightings {
  // References that were resolved since this process started: told once, not at every call.
  const found = new Set<string>();
  const forget = (secret: Parameters<typeof forgetMissingSecret>[2]): Promise<void> =>
    forgetMissingSecret(redis, env, secret);
  return {
    serverOpened({ namespace, name, spec }, tools, texts) {
      const pins = Object.values(spec.pins ?? {}).map(pinDigest);
      const seen = { namespace, server: name, launch: launchDigest(spec), tools, texts, pins };
      tell(tellTools(redis, env, { ...seen, runner: id, at: now().toISOString() }));
    },
    watch: (secrets) => ({
      knownValues: () => secrets.knownValues(),
      note: (value) => secrets.note(value),
      async resolve(reference, namespace, neededBy) {
        const key = `${namespace} ${reference}`;
        try {
          const value = await secrets.resolve(reference, namespace, neededBy);
          if (!found.has(key))
            for (const secret of readSecretRef(reference, namespace)) tell(forget({ ...secret, runner: id }));
          found.add(key);
          return value;
        } catch (error) {
          const secret = secretOf(error);
          if (error instanceof PermanentFailure && secret !== undefined) {
            found.delete(key);
            const missing = { ...secret, runner: id, code: error.code, at: now().toISOString() };
            tell(tellMissingSecret(redis, env, missing));
          }
          throw error;
        }
      },
    }),
  };
}

function tell(telling: Promise<void>): void {
  telling.catch(() => undefined);
}

/** Which secret a failure of {@link Secrets} is about. */
function secretOf(error: unknown): SecretRef | undefined {
  if (!(error instanceof PermanentFailure)) return undefined;
  const { namespace, name, key } = error.details;
  const isNamed = typeof namespace === "string" && typeof name === "string" && typeof key === "string";
  return isNamed ? { namespace, name, key } : undefined;
}
