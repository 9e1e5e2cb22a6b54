// Runs every benchmark as a process of its own and writes bench/RESULTS.md. `npm run bench -- growth` runs one, and
// `npm run bench -- tasks 1000` gives it a number.
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Figure } from "./measure.ts";

const run = promisify(execFile);
const BENCHES = [
  "help",
  "growth",
  "apply",
  "decide",
  "gate",
  "hostile",
  "mcp",
  "pulls",
  "activation",
  "takeover",
  "stops",
  "tasks",
  "loopback",
] as const;

const words = process.argv.slice(2);
const numbers = words.filter((word) => /^[0-9]+$/.test(word));
const chosen = words.filter((word) => !numbers.includes(word));
const figures: { bench: string; figure: Figure }[] = [];
for (const bench of BENCHES.filter((name) => chosen.length === 0 || chosen.includes(name))) {
  process.stderr.write(`bench ${bench} …\n`);
  const { stdout } = await run(
    process.execPath,
    ["--import", "tsx", join(import.meta.dirname, `${bench}.ts`), ...numbers],
    {
      maxBuffer: 16 * 1024 * 1024,
    },
  );
  for (const line of stdout.split("\n").filter((text) => text.startsWith("{"))) {
    const figure = JSON.parse(line) as Figure;
    figures.push({ bench, figure });
    process.stderr.write(`  ${figure.name}: ${render(figure.value)} ${figure.unit}\n`);
  }
}
if (chosen.length === 0) writeFileSync(join(import.meta.dirname, "RESULTS.md"), renderResults());

function renderResults(): string {
  const rows = figures.map(
    ({ bench, figure: { name, value, unit, runs, note } }) =>
      `| ${name} | ${render(value)} ${unit} | ${runs} | \`npm run bench -- ${bench}\` | ${note ?? ""} |`,
  );
  return [
    "# Benchmark results",
    "",
    `Made by \`npm run bench\` on ${new Date().toISOString().slice(0, 10)}: Node ${process.versions.node}, ${cpus().length} cores` +
      ` (${cpus()[0]?.model ?? "unknown"}), ${Math.round(totalmem() / 2 ** 30)} GiB, Redis on loopback or a private socket.`,
    "Machines differ and are noisy: trust the ratios and counts before the milliseconds. Values are medians.",
    "",
    "| what | value | runs | command | note |",
    "|---|---|---|---|---|",
    ...rows,
    "",
  ].join("\n");
}

function render(value: number): string {
  if (value >= 1_000) return Math.round(value).toLocaleString("en-US");
  return value >= 10 ? value.toFixed(1) : value.toPrecision(3);
}
