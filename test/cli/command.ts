// Runs commands in a folder of their own, without anybody's keys or Redis: in this process, or as whole ones.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { runWords } from "../../cli/run-words.ts";
import { listen } from "./listen.ts";

const ROOT = join(import.meta.dirname, "../..");
/** The build, which test/build.ts makes before the first test. */
export const ENTRY = [join(ROOT, "dist/cli/main.js")];

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Room {
  readonly folder: string;
  write(files: Readonly<Record<string, string>>): void;
  /** In this process: what it prints, and what it would exit with. */
  run(...words: readonly string[]): Promise<Ran>;
  /** As a process, where it is about that: starting one takes longer than most commands. */
  runProcess(...words: readonly string[]): Promise<Ran>;
  remove(): void;
}

export function commandRoom(variables: Readonly<Record<string, string>> = {}): Room {
  const folder = mkdtempSync(join(tmpdir(), "cw-room-"));
  const env = {
    PATH: process.env["PATH"] ?? "",
    HOME: process.env["HOME"] ?? "",
    CI: "true",
    COUNTWHEEL_HOME: join(folder, ".countwheel"),
    ...variables,
  };
  return {
    folder,
    write: (files) => {
      for (const [path, text] of Object.entries(files)) {
        mkdirSync(dirname(join(folder, path)), { recursive: true });
        writeFileSync(join(folder, path), text);
      }
    },
    run: async (...words) => {
      const { host, out, err } = listen(folder, env);
      const code = await runWords(host, words);
      return { code, stdout: out(), stderr: err() };
    },
    runProcess: async (...words) => {
      const child = spawn(process.execPath, [...ENTRY, ...words], {
        cwd: folder,
        env,
        stdio: ["ignore", "pipe", "pipe"],
      });
      const told = { stdout: "", stderr: "" };
      child.stdout.on("data", (bytes: Buffer) => (told.stdout += bytes.toString("utf8")));
      child.stderr.on("data", (bytes: Buffer) => (told.stderr += bytes.toString("utf8")));
      const [code] = (await once(child, "close")) as [number | null];
      return { code, ...told };
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
