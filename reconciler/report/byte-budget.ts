// Fits text into GitHub's limits by whole lines, and says how many were left out. Pure.
import { codeBlock } from "../plan/inert.ts";

/** A check run's summary and text hold 65,535 characters each; bytes are at least as many. */
export const OUTPUT_BYTES = 65_000;

/** All lines, or as many as fit together with the line that counts the rest. */
export function fitLines(lines: readonly string[], bytes: number, more: (rest: number) => string): string {
  const whole = lines.join("\n");
  if (Buffer.byteLength(whole) <= bytes) return whole;
  const room = bytes - Buffer.byteLength(more(lines.length)) - 1;
  let used = 0;
  const kept = lines.findIndex((line) => {
    used += Buffer.byteLength(line) + 1;
    return used > room;
  });
  return [...lines.slice(0, kept), more(lines.length - kept)].join("\n");
}

/** The same within a code fence, which grows with the backticks that it must outdo. */
export function fitFence(lines: readonly string[], bytes: number, more: (rest: number) => string): string {
  for (let room = bytes; ; room = Math.floor(room * 0.9)) {
    const block = codeBlock("", fitLines(lines, room, more));
    if (Buffer.byteLength(block) <= bytes) return block;
  }
}
