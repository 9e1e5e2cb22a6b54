// Makes a throw-away Git repository with many manifests, and commits a change of one of them.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface BigRepository {
  readonly folder: string;
  readonly home: string;
  /** Commits another prompt for one agent. */
  changeOne(mark: string): void;
  remove(): void;
}

const AGENTS_PER_SYSTEM = 4;

/** Half agents in files of their own, the rest systems, tools and roles; 20 files a folder, as people keep them. */
export function makeBigRepository(manifests: number): BigRepository {
  const root = mkdtempSync(join(tmpdir(), "countwheel-bench-"));
  const folder = join(root, "repository");
  mkdirSync(join(folder, "agents"), { recursive: true });
  writeFileSync(
    join(folder, "agents", "model.yaml"),
    manifest("ModelEndpoint", "m", "  provider: mock\n  default_model: mock\n"),
  );
  for (let index = 1; index < manifests; index += 1) writeManifest(folder, index);
  git(folder, "init", "-q", "-b", "main");
  commit(folder, "all");
  return {
    folder,
    home: join(root, "home"),
    changeOne(mark) {
      writeFileSync(fileOf(folder, 5), agent(5, mark));
      commit(folder, mark);
    },
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}

function writeManifest(folder: string, index: number): void {
  const file = fileOf(folder, index);
  mkdirSync(join(file, ".."), { recursive: true });
  writeFileSync(file, index % AGENTS_PER_SYSTEM === 0 ? system(index) : agent(index, "at first"));
}

function fileOf(folder: string, index: number): string {
  return join(folder, "agents", `team-${Math.floor(index / 20)}`, `r${index}.yaml`);
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

function commit(folder: string, message: string): void {
  git(folder, "add", "-A");
  git(folder, "-c", "user.name=b", "-c", "user.email=b@example.com", "commit", "-qm", message);
}

function git(folder: string, ...words: readonly string[]): void {
  execFileSync("git", words, { cwd: folder, stdio: "ignore" });
}
