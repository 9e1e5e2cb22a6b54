// Runs every command of README.md and docs/, in their order, in an empty folder: what is documented works. Those of the
// README as whole processes; of the others only what goes on in the background, since starting each takes longer than it does.
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, describe, expect, it } from "vitest";
import { runWords } from "../cli/run-words.ts";
import { listen } from "./cli/listen.ts";

const root = join(import.meta.dirname, "..");
const PAGES = [
  "README.md",
  ...readdirSync(join(root, "docs"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
];
const folder = mkdtempSync(join(tmpdir(), "cw-docs-"));

interface Block {
  readonly page: string;
  readonly commands: readonly string[];
}

function blocksOf(page: string): Block[] {
  const found = readFileSync(join(root, page), "utf8").matchAll(/```sh\n([\s\S]*?)```/g);
  return [...found].map(([, text = ""]) => ({ page, commands: text.trim().split("\n") }));
}

/** `countwheel …` from the build; nobody's identity, keys or Redis. */
const environment: Record<string, string> = {
  PATH: process.env["PATH"] ?? "",
  HOME: process.env["HOME"] ?? "",
  COUNTWHEEL_HOME: join(folder, ".countwheel"),
  CI: "true",
  GIT_AUTHOR_NAME: "Ada",
  GIT_AUTHOR_EMAIL: "ada@example.com",
  GIT_COMMITTER_NAME: "Ada",
  GIT_COMMITTER_EMAIL: "ada@example.com",
};

function wordsOf(command: string): [string, string[]] {
  const [name = "", ...words] = command.replace(/ &$/, "").split(" ");
  if (name !== "countwheel") return [name, words];
  return [process.execPath, [join(root, "dist/cli/main.js"), ...words]];
}

/** What a background command says once the next command may be typed. */
const READY: Readonly<Record<string, RegExp>> = { up: /applied as/, runner: /takes activations/ };

async function startBackground(command: string): Promise<ChildProcess> {
  const [name, words] = wordsOf(command);
  const child = spawn(name, words, { cwd: folder, env: environment, stdio: ["ignore", "pipe", "pipe"] });
  const ready = READY[command.split(" ")[1] ?? ""] ?? /./;
  let said = "";
  await new Promise<void>((resolve, reject) => {
    const look = (bytes: Buffer): void => {
      said += bytes.toString("utf8");
      if (ready.test(said)) resolve();
    };
    child.stdout.on("data", look);
    child.stderr.on("data", look);
    child.once("close", () => reject(new Error(`${command} ended: ${said}`)));
  });
  return child;
}

async function runBlock(block: Block): Promise<void> {
  const background: ChildProcess[] = [];
  try {
    for (const command of block.commands) {
      if (command.endsWith(" &")) background.push(await startBackground(command));
      else if (command.startsWith("countwheel ") && block.page !== "README.md") await runHere(command);
      else await runProcess(command);
    }
  } finally {
    await Promise.all(background.map(stop));
  }
}

async function runProcess(command: string): Promise<void> {
  const [name, words] = wordsOf(command);
  await promisify(execFile)(name, words, { cwd: folder, env: environment });
}

async function runHere(command: string): Promise<void> {
  const { host, err } = listen(folder, environment);
  const code = await runWords(host, command.split(" ").slice(1));
  if (code !== 0) throw new Error(`${command} exited with ${code}: ${err()}`);
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGTERM");
  await once(child, "close");
}

describe("the documentation", () => {
  afterAll(async () => {
    await runHere("countwheel down");
    rmSync(folder, { recursive: true, force: true });
  });

  const blocks = PAGES.flatMap(blocksOf);

  it("has commands to run", () => {
    expect(blocks.length).toBeGreaterThanOrEqual(3);
  });

  for (const [index, block] of blocks.entries()) {
    it(`${block.page}, block ${index + 1}: ${block.commands[0]}`, { timeout: 90_000 }, async () => {
      await expect(runBlock(block)).resolves.toBeUndefined();
    });
  }
});
