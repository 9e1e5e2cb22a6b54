// A share of many seeds in a process of its own: the first, the end, the step; tells what became of each.
import { playSeed } from "./play-seeds.ts";
import { Stage } from "./simulate.ts";

const [from = 0, end = 0, step = 1] = process.argv.slice(2).map(Number);
const stage = new Stage();
for (let seed = from; seed < end; seed += step) {
  const told = await playSeed(stage, seed);
  process.send?.(told);
}
process.disconnect?.();
