// Whether the effects of a town are those that its traces allow, no more and no fewer, and none that its policies forbid.
import type { TraceEvent } from "../../contracts/trace.ts";
import type { SystemEffects } from "./features.ts";
import type { TownStory, TownTask } from "./town.ts";

/** One line for each breach. */
export function judgeTown(story: TownStory): string[] {
  const { tasks } = story;
  return [...differences(seenIn(story), allowedIn(tasks)), ...unadmitted(tasks), ...forbidden(story), ...unmet(story)];
}

/** An effect by its step's id and the digest of what it was about. */
function seenIn({ witness }: TownStory): string[] {
  return [
    ...witness.turns.map(({ task, activation, requestDigest }) => `model ${task} ${activation} ${requestDigest}`),
    ...witness.tools.map(({ task, tool, idempotencyKey, argumentsDigest }) => {
      return `${tool} ${task} ${idempotencyKey} ${argumentsDigest}`;
    }),
  ];
}

function allowedIn(tasks: readonly TownTask[]): string[] {
  return tasks.flatMap(({ ref, events }) => {
    const calls = new Map(events.filter(isTool("called")).map((event) => [event["decisionId"], event]));
    return events.filter(allowsEffect).map((event) => {
      if (event.type === "turn.decided")
        return `model ${ref.name} ${event.activation} ${String(event["requestDigest"])}`;
      const key = calls.get(event["decisionId"])?.["idempotencyKey"];
      return [event["tool"], ref.name, key, event["argumentsDigest"]].map(String).join(" ");
    });
  });
}

function isTool(what: string): (event: TraceEvent) => boolean {
  return ({ type }) => type === `tool.${what}`;
}

function allowsEffect(event: TraceEvent): boolean {
  const isDecision = event.type === "turn.decided" || event.type === "tool.decided";
  if (!isDecision || event["point"] === "task_admission") return false;
  return event["effect"] === "allow" || event["enforced"] === false;
}

function differences(seen: readonly string[], allowed: readonly string[]): string[] {
  const balance = new Map<string, number>();
  for (const effect of seen) balance.set(effect, (balance.get(effect) ?? 0) + 1);
  for (const effect of allowed) balance.set(effect, (balance.get(effect) ?? 0) - 1);
  return [...balance]
    .filter(([, count]) => count !== 0)
    .map(
      ([effect, count]) => `${effect}: ${count > 0 ? "carried out, and not allowed" : "allowed, and not carried out"}`,
    );
}

/** Nothing of an agent is even asked before it was admitted. */
function unadmitted(tasks: readonly TownTask[]): string[] {
  return tasks.flatMap(({ ref, events }) => {
    const admitted = new Set<unknown>();
    return events
      .filter(({ type }) => /^(turn|tool)\.decided$/.test(type))
      .flatMap((event) => {
        const isAdmission = event["point"] === "task_admission";
        if (isAdmission && event["effect"] === "allow") admitted.add(event.activation);
        return isAdmission || admitted.has(event.activation)
          ? []
          : [`${ref.name}: ${event.activation} was not admitted`];
      });
  });
}

function forbidden({ features, tasks, witness, approved }: TownStory): string[] {
  return features.flatMap((feature) => {
    const names = new Set(tasks.filter((task) => task.feature === feature).map(({ ref }) => ref.name));
    const tools = witness.tools.filter(({ task }) => names.has(task));
    const turns = witness.turns.map(({ task }) => task).filter((task) => names.has(task));
    const effects: SystemEffects = { tools, turns, approved };
    const unlisted = tools.filter(({ tool }) => tool === "secretary").map(() => "a tool was called that is not listed");
    return [...unlisted, ...feature.breaches(effects)].map((breach) => `${feature.name}: ${breach}`);
  });
}

/** A town in which a policy meets nothing shows nothing. */
function unmet({ features, tasks }: TownStory): string[] {
  return features.flatMap((feature) => {
    const events = tasks.filter((task) => task.feature === feature).flatMap((task) => task.events);
    const codes = new Set(events.flatMap((event) => [event["code"], ...codesOf(event)]));
    return codes.has(feature.meets) ? [] : [`${feature.name}: ${feature.meets} is in no trace`];
  });
}

function codesOf(event: TraceEvent): unknown[] {
  const reasons = event["reasons"];
  return Array.isArray(reasons) ? reasons.map((reason: { code?: unknown }) => reason.code) : [];
}
