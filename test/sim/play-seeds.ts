// Plays many seeds, on as many processes as there are to be.
import { fork } from "node:child_process";
import { join } from "node:path";
import type { TraceEventType } from "../../contracts/trace.ts";
import type { Stage } from "./simulate.ts";

/** What is worth knowing of a simulation among many. */
export interface Told {
  readonly seed: number;
  readonly breaches: readonly string[];
  readonly succeeded: number;
  readonly tasks: number;
  readonly takeovers: number;
  /** Events that tell how far a call has come. */
  readonly progress: number;
}

export async function playSeeds(from: number, count: number, processes: number): Promise<readonly Told[]> {
  const shares = Array.from({ length: processes }, (_, index) => playShare(from + index, from + count, processes));
  return (await Promise.all(shares)).flat();
}

function playShare(from: number, end: number, step: number): Promise<Told[]> {
  return new Promise((resolve, reject) => {
    const told: Told[] = [];
    const script = join(import.meta.dirname, "seeds-child.ts");
    const child = fork(script, [from, end, step].map(String), { execArgv: ["--import", "tsx"] });
    child.on("message", (one) => void told.push(one as Told));
    child.once("error", reject);
    child.once("exit", (code) =>
      code === 0 ? resolve(told) : reject(new Error(`the seeds from ${from} ended with ${code}`)),
    );
  });
}

export async function playSeed(stage: Stage, seed: number): Promise<Told> {
  const { breaches, history } = await stage.play(String(seed));
  const events = history.tasks.flatMap((task) => task.events);
  const count = (wanted: TraceEventType): number => events.filter(({ type }) => type === wanted).length;
  return {
    seed,
    breaches,
    succeeded: history.tasks.filter(({ record }) => record.phase === "Succeeded").length,
    tasks: history.tasks.length,
    takeovers: count("task.taken_over"),
    progress: count("tool.progress"),
  };
}
