// One simulation: a seed makes the scenario, the faults and the order of everything; the history comes out.
import type { History } from "../history/history.ts";
import { judgeHistory } from "../history/invariants.ts";
import { LuaScripts } from "./lua-scripts.ts";
import { SimulatedWorld } from "./simulated-world.ts";
import { installTime, type VirtualTime } from "./virtual-time.ts";

export interface Simulation {
  readonly seed: string;
  readonly breaches: readonly string[];
  readonly history: History;
  /** Readable, one line an event. */
  readonly log: readonly string[];
}

/** Where simulations are played, one after another: it keeps what they can share, and has the time of the process. */
export class Stage {
  readonly #scripts: LuaScripts;
  readonly #close: () => void;
  #time: VirtualTime | undefined;

  constructor(scripts = new LuaScripts()) {
    this.#scripts = scripts;
    this.#close = installTime(() => this.#time);
  }

  /** `logs`: line by line what happened; without it the log is empty, and the seed is played faster. */
  async play(seed: string, logs = false): Promise<Simulation> {
    const simulated = new SimulatedWorld(seed, this.#scripts, logs);
    this.#time = simulated.time;
    try {
      await simulated.run();
    } finally {
      this.#time = undefined;
    }
    const history = await simulated.history();
    return { seed, breaches: [...simulated.bugs, ...judgeHistory(history)], history, log: simulated.log };
  }

  close(): void {
    this.#close();
  }
}
