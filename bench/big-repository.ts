// Makes a throw-away Git repository with many manifests, and commits a change of one of them.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface BigRepository {
  readonly folder: string;
  readonly home: string;
  /** Commits another prompt for one agent. */
  readonly changeOne: (mark: string) => void;
  remove(): void;
}

const AGENTS_PER_SYSTEM = 4;

/**
 * Three agents to a system of two; 20 files a folder, as people keep them. Bare, and made by `fast-import`: a working tree
 * of 100,000 files would take minutes.
 */
export function makeBigRepository(manifests: number): BigRepository {
  const root = mkdtempSync(join(tmpdir(), "countwheel-bench-"));
  const folder = join(root, "repository.git");
  git(root, "init", "-q", "--bare", "-b", "main", folder);
  const files = Array.from({ length: manifests - 1 }, (_, index) => [pathOf(index + 1), textOf(index + 1)] as const);
  commit(folder, "all", [["agents/model.yaml", MODEL], ...files]);
  return {
    folder,
    home: join(root, "home"),
    changeOne: (mark) => commit(folder, mark, [[pathOf(5), agent(5, mark)]]),
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}

const MODEL = manifest("ModelEndpoint", "m", "  provider: mock\n  default_model: mock\n");

function textOf(index: number): string {
  return index % AGENTS_PER_SYSTEM === 0 ? system(index) : agent(index, "at first");
}

function pathOf(index: number): string {
  return `agents/team-${Math.floor(index / 20)}/r${index}.yaml`;
}

function agent(index: number, mark: string): string {
  const spec = `  model_ref: m\n  prompt: |\n    You are agent ${index}.\n    Answer in one line, ${mark}.\n  limits:\n    max_steps: 4\n    timeout: 30s\n`;
  return manifest("Agent", `a${index}`, spec);
}

function system(index: number): string {
  const members = [index - 1, index - 2].filter((member) => member > 0).map((member) => `    - a${member}\n`);
  return manifest("AgentSystem", `s${index}`, `  agents:\n${members.join("")}`);
}

function manifest(kind: string, name: string, spec: string): string {
  return `apiVersion: countwheel.dev/v1\nkind: ${kind}\nmetadata:\n  name: ${name}\n  labels:\n    team: bench\nspec:\n${spec}`;
}

function commit(folder: string, message: string, files: readonly (readonly [path: string, text: string])[]): void {
  const isFirst = message === "all";
  const input = [
    "commit refs/heads/main",
    "committer b <b@example.com> now",
    data(message),
    ...(isFirst ? [] : ["from refs/heads/main^0"]),
    ...files.flatMap(([path, text]) => [`M 100644 inline ${path}`, data(text)]),
    "",
  ];
  const options = { cwd: folder, input: input.join("\n"), stdio: ["pipe", "ignore", "inherit"] } as const;
  execFileSync("git", ["fast-import", "--quiet", "--date-format=now"], { ...options, stdio: [...options.stdio] });
}

function data(text: string): string {
  return `data ${Buffer.byteLength(text)}\n${text}`;
}

function git(folder: string, ...words: readonly string[]): void {
  execFileSync("git", words, { cwd: folder, stdio: "ignore" });
}
