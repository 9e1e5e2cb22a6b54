// Runs the Action as GitHub's runner does, with variables, files and a real event payload: the committed bundle as a process,
// or its sources in this one, which spares a start.
import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runAction as runActionIn } from "../../cli/action/run-action.ts";

export const BUNDLE = join(import.meta.dirname, "../../.github/action/index.mjs");

export interface ActionResult {
  readonly code: number | null;
  readonly log: string;
  readonly summary: string;
  readonly outputs: Readonly<Record<string, string>>;
}

export interface ActionRequest {
  readonly event: string;
  readonly payload: unknown;
  readonly workspace: string;
  readonly apiUrl: string;
  readonly serverUrl?: string;
  readonly sha?: string;
  readonly inputs?: Readonly<Record<string, string>>;
  /** Further variables, or others than usual. */
  readonly variables?: Readonly<Record<string, string>>;
}

/** Of the payloads that GitHub itself published; the one of this name and action. */
export function examplePayload(name: string, action?: string): Record<string, unknown> {
  const examples = createRequire(import.meta.url)("@octokit/webhooks-examples") as readonly {
    readonly name: string;
    readonly examples: readonly Record<string, unknown>[];
  }[];
  const found = examples
    .find((event) => event.name === name)
    ?.examples.find((one) => action === undefined || one["action"] === action);
  if (found === undefined) throw new Error(`no example of ${name} ${action ?? ""}`);
  return structuredClone(found);
}

type Variables = Readonly<Record<string, string>>;
type Ended = Pick<ActionResult, "code" | "log">;

export function runAction(request: ActionRequest): Promise<ActionResult> {
  return runIn(request, runSources);
}

/** `onStart` gets the process, to end it before its time. */
export function runBundle(request: ActionRequest, onStart?: (child: ChildProcess) => void): Promise<ActionResult> {
  return runIn(request, (variables) => runProcess(variables, onStart));
}

async function runIn(request: ActionRequest, run: (variables: Variables) => Promise<Ended>): Promise<ActionResult> {
  const folder = await mkdtemp(join(tmpdir(), "countwheel-action-"));
  const file = (name: string): string => join(folder, name);
  try {
    await mkdir(file("temp"));
    await writeFile(file("event.json"), JSON.stringify(request.payload));
    await writeFile(file("output"), "");
    await writeFile(file("summary"), "");
    const inputs = Object.entries({ "github-token": "app-token", ...request.inputs });
    const { code, log } = await run({
      PATH: process.env["PATH"] ?? "",
      ...Object.fromEntries(inputs.map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value])),
      GITHUB_EVENT_NAME: request.event,
      GITHUB_EVENT_PATH: file("event.json"),
      GITHUB_OUTPUT: file("output"),
      GITHUB_STEP_SUMMARY: file("summary"),
      GITHUB_API_URL: request.apiUrl,
      GITHUB_SERVER_URL: request.serverUrl ?? "https://github.test",
      GITHUB_REPOSITORY: "Codertocat/Hello-World",
      GITHUB_SHA: request.sha ?? "f".repeat(40),
      GITHUB_WORKSPACE: request.workspace,
      RUNNER_TEMP: file("temp"),
      COUNTWHEEL_GITHUB_PACE: "none",
      ...request.variables,
    });
    return {
      code,
      log,
      summary: await readFile(file("summary"), "utf8"),
      outputs: parseOutputs(await readFile(file("output"), "utf8")),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function runSources(variables: Variables): Promise<Ended> {
  const said: string[] = [];
  const code = await runActionIn({
    variables,
    write: (text) => said.push(text),
    now: () => new Date(),
    newId: randomUUID,
    tool: { name: "countwheel", version: "0.0.0" },
    signal: new AbortController().signal,
  });
  return { code, log: said.join("") };
}

function runProcess(env: Variables, onStart?: (child: ChildProcess) => void): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [BUNDLE], { env, stdio: ["ignore", "pipe", "pipe"] });
    onStart?.(child);
    const chunks: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => chunks.push(chunk));
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, log: Buffer.concat(chunks).toString("utf8") }));
  });
}

/** As the runner reads them: `name<<delimiter`, lines, the delimiter alone. The last value of a name counts. */
function parseOutputs(text: string): Record<string, string> {
  const outputs: Record<string, string> = {};
  const lines = text.split("\n");
  while (lines.length > 0) {
    const [name = "", delimiter] = (lines.shift() ?? "").split("<<");
    if (delimiter === undefined) continue;
    const value: string[] = [];
    while (lines.length > 0 && lines[0] !== delimiter) value.push(lines.shift() ?? "");
    outputs[name] = value.join("\n");
  }
  return outputs;
}

/** What the runner would obey: lines that are commands while commands are not stopped. */
export function obeyedCommands(log: string): string[] {
  const obeyed: string[] = [];
  let token: string | undefined;
  for (const line of log.split("\n").map((text) => text.trim())) {
    if (token !== undefined) {
      if (line === `::${token}::`) token = undefined;
    } else if (line.startsWith("::stop-commands::")) token = line.slice("::stop-commands::".length);
    else if (line.startsWith("::") || line.includes("##[")) obeyed.push(line);
  }
  return obeyed;
}
