// The way between a machine and the Redis in memory: takes its time, loses commands and answers, carries a command out
// twice when its answer was lost, and is gone while the server is away. Answers come in the order of the commands.
import { type Command, connectionLost, type Wire } from "./client.ts";
import type { Dice } from "./dice.ts";
import type { Machine, VirtualTime } from "./virtual-time.ts";

/** What the server is up to. */
export interface ServerHealth {
  /** Connections are refused until then. */
  awayUntilMs: number;
  /** It stands still until then, and carries everything out afterwards. */
  stallsUntilMs: number;
}

export interface Faults {
  /** Of commands that never arrive. */
  readonly lostCommands: number;
  /** Of commands that are carried out and whose sender is told that the connection broke. */
  readonly lostAnswers: number;
  /** Of commands that the client sends again by itself because the first answer was lost. */
  readonly repeats: number;
  /** Of commands that hang on the way, as packets do that are sent again and again, and whatever is sent behind them. */
  readonly hanging: number;
  readonly longestMs: number;
  /** Of a command that hangs or is sent again. */
  readonly longestHangMs: number;
}

export const NO_FAULTS: Faults = {
  lostCommands: 0,
  lostAnswers: 0,
  repeats: 0,
  hanging: 0,
  longestMs: 1,
  longestHangMs: 0,
};

const RECONNECT_MS = 120;

export interface Route {
  readonly time: VirtualTime;
  readonly dice: Dice;
  readonly server: Machine;
  readonly health: ServerHealth;
  readonly faults: () => Faults;
  readonly say: (line: string) => void;
}

/**
 * What happens at the server happens whatever has become of the sender by then: a command that is on its way is carried
 * out though its sender was killed.
 */
export function openRoute({ time, dice, server, health, faults, say }: Route): Wire {
  let arrivesMs = 0;
  let answersMs = 0;
  const hangs = (): number => dice.next() ** 2 * faults().longestHangMs;
  const takes = (): number => 0.1 + dice.next() ** 3 * faults().longestMs;
  return (commands, execute) =>
    new Promise((resolve, reject) => {
      const sender = time.machine();
      const fate = fateOf(faults(), dice.next());
      const hear = (run: () => void, atMs: number): void => void time.after(atMs - time.now(), run, "network", sender);
      const breaks = (what: string): void => {
        say(`${sender.name}: ${what}: ${nameOf(commands)}`);
        hear(() => reject(connectionLost()), time.now() + RECONNECT_MS);
      };
      const arrive = (again: boolean): void => {
        if (health.stallsUntilMs > time.now()) {
          time.after(health.stallsUntilMs - time.now(), () => arrive(again), "network", server);
          return;
        }
        if (health.awayUntilMs > time.now()) return breaks("the server is away");
        if (fate === "lost") return breaks("never arrives");
        const answers = execute();
        if (fate === "unanswered") return breaks("answer lost");
        if (fate === "repeated" && !again) {
          say(`${sender.name}: carried out twice: ${nameOf(commands)}`);
          time.after(RECONNECT_MS + hangs(), () => arrive(true), "network", server);
          return;
        }
        answersMs = Math.max(answersMs, time.now() + takes());
        hear(() => resolve(answers), answersMs);
      };
      arrivesMs = Math.max(arrivesMs, time.now() + takes() + (dice.chance(faults().hanging) ? hangs() : 0));
      time.after(arrivesMs - time.now(), () => arrive(false), "network", server);
    });
}

function fateOf(
  { lostCommands, lostAnswers, repeats }: Faults,
  roll: number,
): "lost" | "unanswered" | "repeated" | "well" {
  if (roll < lostCommands) return "lost";
  if (roll < lostCommands + lostAnswers) return "unanswered";
  return roll < lostCommands + lostAnswers + repeats ? "repeated" : "well";
}

function nameOf(commands: readonly Command[]): string {
  return commands.map(({ name, args }) => (/^eval/i.test(name) ? `script on ${args[2] ?? ""}` : name)).join(" ");
}

/** Some runs are calm, so that what goes wrong in them comes from the blows alone. */
export function rollFaults(dice: Dice, leaseMs: number): Faults {
  if (dice.chance(0.2)) return { ...NO_FAULTS, longestMs: 20 };
  return {
    lostCommands: dice.next() * 0.03,
    lostAnswers: dice.next() * 0.05,
    repeats: dice.next() * 0.05,
    hanging: dice.next() * 0.03,
    longestMs: dice.pick([5, 30, 150]),
    longestHangMs: dice.pick([200, leaseMs, 3 * leaseMs]),
  };
}
