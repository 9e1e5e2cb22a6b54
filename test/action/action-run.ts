// Runs the committed bundle of the Action as GitHub's runner does: a process, variables, files, a real event payload.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

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
  /** Gets the process, to end it before its time. */
  readonly onStart?: (child: ChildProcess) => void;
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

export async function runAction(request: ActionRequest): Promise<ActionResult> {
  const folder = await mkdtemp(join(tmpdir(), "countwheel-action-"));
  const file = (name: string): string => join(folder, name);
  try {
    await mkdir(file("temp"));
    await writeFile(file("event.json"), JSON.stringify(request.payload));
    await writeFile(file("output"), "");
    await writeFile(file("summary"), "");
    const inputs = Object.entries({ "github-token": "app-token", ...request.inputs });
    const { code, log } = await runProcess(
      {
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
      },
      request.onStart,
    );
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

function runProcess(
  env: Readonly<Record<string, string>>,
  onStart?: (child: ChildProcess) => void,
): Promise<{ code: number | null; log: string }> {
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
