// The stage of the demo: a throw-away folder, commands run as a user would type them, and an end that leaves nothing behind.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { PermanentFailure } from "../../contracts/failure.ts";
import { hasEnded, TASK_PHASES } from "../../contracts/task.ts";
import type { Host } from "../host.ts";
import { type Paint, paintFor } from "../output.ts";
import { packageRoot } from "../package-facts.ts";

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that goes on in the background; what it has said so far is in `lines`. */
export interface Background {
  /** Resolves with the first line of output that matches; rejects when the command ends without it. */
  line(pattern: RegExp): Promise<string>;
  stop(): Promise<void>;
}

/** What people are told when a step of the story does not go as told. */
class DemoFailed extends PermanentFailure {
  constructor(step: string, ran: Ran) {
    const said = `${ran.stderr}\n${ran.stdout}`.trim().split("\n").slice(-12).join("\n");
    super("DEMO_FAILED", `\`${step}\` ended with exit code ${ran.code}:\n${said}`);
  }
}

export class Stage {
  readonly folder: string;
  readonly #host: Host;
  readonly #paint: Paint;
  readonly #running = new Set<ChildProcess>();

  private constructor(host: Host, folder: string) {
    this.#host = host;
    this.#paint = paintFor(host.stdout, host.config.color);
    this.folder = folder;
  }

  static async open(host: Host): Promise<Stage> {
    return new Stage(host, await mkdtemp(join(tmpdir(), "countwheel-demo-")));
  }

  /** A new scene: what it is about, in a sentence or two. */
  scene(title: string, text: string): void {
    this.write(`\n${this.#paint("bold", title)}\n${text}\n`);
  }

  write(text: string): void {
    this.#host.stdout.write(text);
  }

  /** Shows the command as typed, runs it, and shows what `show` keeps of its answer. Throws where the exit code is another. */
  async countwheel(words: readonly string[], show: (text: string) => string, code = 0): Promise<Ran> {
    const typed = `countwheel ${words.join(" ")}`;
    this.write(`${this.#paint("cyan", `$ ${typed}`)}\n`);
    const ran = await this.#run(process.execPath, [...this.#entry(), ...words], this.folder);
    if (ran.code !== code) throw new DemoFailed(typed, ran);
    this.write(indent(show(ran.stdout)));
    return ran;
  }

  /** Asked without being shown. */
  async hasEnded(task: string): Promise<boolean> {
    const ran = await this.#run(process.execPath, [...this.#entry(), "get", "task", task, "-o", "json"], this.folder);
    if (ran.code !== 0) return false;
    const record: unknown = JSON.parse(ran.stdout);
    const phase = typeof record === "object" && record !== null && "phase" in record ? record.phase : undefined;
    return TASK_PHASES.some((known) => known === phase && hasEnded(known));
  }

  /** Git, quietly, in a folder of the stage. */
  async git(folder: string, ...words: readonly string[]): Promise<string> {
    const ran = await this.#run("git", [...GIT_IDENTITY, ...words], join(this.folder, folder));
    if (ran.code !== 0) throw new DemoFailed(`git ${words.join(" ")}`, ran);
    return ran.stdout.trim();
  }

  async gitShown(folder: string, ...words: readonly string[]): Promise<void> {
    const typed = words.map((word) => (/[^\w./:=-]/.test(word) ? `"${word}"` : word)).join(" ");
    this.write(`${this.#paint("cyan", `$ git ${typed}`)}\n`);
    await this.git(folder, ...words);
  }

  background(words: readonly string[]): Background {
    this.write(`${this.#paint("cyan", `$ countwheel ${words.join(" ")} &`)}\n`);
    const child = this.#spawn(process.execPath, [...this.#entry(), ...words], this.folder);
    const output = new Output();
    child.stdout?.on("data", (bytes: Buffer) => output.add(bytes.toString("utf8")));
    child.stderr?.on("data", (bytes: Buffer) => output.add(bytes.toString("utf8")));
    child.once("close", (code) => output.end(`\`countwheel ${words.join(" ")}\` ended with exit code ${code}`));
    return { line: (pattern) => output.line(pattern), stop: () => stop(child) };
  }

  /** Stops what is running, the embedded Redis included, and removes the folder. */
  async close(): Promise<void> {
    await Promise.all([...this.#running].map(stop));
    await this.#run(process.execPath, [...this.#entry(), "down"], this.folder);
    await rm(this.folder, { recursive: true, force: true });
  }

  #entry(): string[] {
    return [...process.execArgv, process.argv[1] ?? ""];
  }

  #spawn(command: string, words: readonly string[], cwd: string): ChildProcess {
    const child = spawn(command, words, { cwd, env: this.#environment(), stdio: ["ignore", "pipe", "pipe"] });
    this.#running.add(child);
    child.once("close", () => this.#running.delete(child));
    return child;
  }

  async #run(command: string, words: readonly string[], cwd: string): Promise<Ran> {
    const child = this.#spawn(command, words, cwd);
    const texts = { stdout: "", stderr: "" };
    child.stdout?.on("data", (bytes: Buffer) => (texts.stdout += bytes.toString("utf8")));
    child.stderr?.on("data", (bytes: Buffer) => (texts.stderr += bytes.toString("utf8")));
    const [code] = (await once(child, "close")) as [number | null];
    return { code: code ?? -1, ...texts };
  }

  /** Nothing of the user's own set-up: no keys, no Redis, no Git identity. */
  #environment(): Record<string, string> {
    const { path, userHome } = this.#host.config;
    return {
      PATH: [join(packageRoot(), "node_modules", ".bin"), path].join(delimiter),
      COUNTWHEEL_HOME: join(this.folder, ".countwheel"),
      CI: "true",
      GIT_CONFIG_GLOBAL: "/dev/null",
      ...(userHome === undefined ? {} : { HOME: userHome }),
      ...(this.#paint("red", "") === "" ? { NO_COLOR: "1" } : { FORCE_COLOR: "1" }),
    };
  }
}

const GIT_IDENTITY = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "init.defaultBranch=main"];

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGTERM");
  await once(child, "close");
}

function indent(text: string): string {
  const lines = text.trimEnd().split("\n");
  return text.trim() === "" ? "" : lines.map((line) => (line === "" ? "\n" : `  ${line}\n`)).join("");
}

/** Lines of a background command, and who waits for one. */
class Output {
  #text = "";
  #ended: string | undefined;
  readonly #waiting = new Set<() => void>();

  add(text: string): void {
    this.#text += text;
    for (const look of this.#waiting) look();
  }

  end(why: string): void {
    this.#ended = why;
    this.add("");
  }

  async line(pattern: RegExp): Promise<string> {
    return await new Promise((resolve, reject) => {
      const look = (): void => {
        const found = this.#text.split("\n").find((line) => pattern.test(line));
        if (found === undefined && this.#ended === undefined) return;
        this.#waiting.delete(look);
        if (found !== undefined) resolve(found);
        else reject(new PermanentFailure("DEMO_FAILED", `${this.#ended}:\n${this.#text}`));
      };
      this.#waiting.add(look);
      look();
    });
  }
}
