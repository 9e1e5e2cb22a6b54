// A share of many seeds in a process of its own: the first, the end, the step; tells what became of each.
import type { CompiledScripts } from "./memory-redis.ts";
import { playSeed } from "./play-seeds.ts";

const [from = 0, end = 0, step = 1] = process.argv.slice(2).map(Number);
const compiled: CompiledScripts = new Map();
for (let seed = from; seed < end; seed += step) process.send?.(await playSeed(seed, compiled));
process.disconnect?.();
