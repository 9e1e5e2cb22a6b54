// The packs of policies that come with the program: a policy, its tests, and the paragraph at its head.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { closest } from "fastest-levenshtein";
import { UsageFailure } from "./output.ts";
import { packageRoot } from "./package-facts.ts";

export interface Pack {
  readonly name: string;
  /** What it is for. */
  readonly about: string;
  /** File name → its text: the policy, and its tests. */
  readonly files: ReadonlyMap<string, string>;
}

const TESTS = ".tests.yaml";

/** By name. */
export async function readPacks(): Promise<readonly Pack[]> {
  const folder = join(packageRoot(), "policies", "packs");
  const names = (await readdir(folder)).filter((file) => file.endsWith(".yaml") && !file.endsWith(TESTS)).toSorted();
  return Promise.all(names.map((file) => readPack(folder, file)));
}

async function readPack(folder: string, file: string): Promise<Pack> {
  const name = file.slice(0, -".yaml".length);
  const tests = `${name}${TESTS}`;
  const policy = await readFile(join(folder, file), "utf8");
  const files = new Map([
    [file, policy],
    [tests, await readFile(join(folder, tests), "utf8")],
  ]);
  return { name, about: headOf(policy), files };
}

/** The comment that a file begins with, as one paragraph. */
function headOf(text: string): string {
  const lines = text.split("\n");
  const end = lines.findIndex((line) => !line.startsWith("#"));
  return lines
    .slice(0, end)
    .map((line) => line.slice(1).trim())
    .join(" ");
}

export async function packNamed(name: string): Promise<Pack> {
  const packs = await readPacks();
  const found = packs.find((pack) => pack.name === name);
  if (found !== undefined) return found;
  const near = closest(
    name,
    packs.map((pack) => pack.name),
  );
  throw new UsageFailure(`there is no pack \`${name}\`; did you mean \`${near}\`? See: countwheel policy packs`);
}
