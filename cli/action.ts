// The entry of the GitHub Action: hands the process to it and ends with its exit code. Bundled into .github/action/index.mjs.
import { randomUUID } from "node:crypto";
import { runAction } from "./action/run-action.ts";
import { readVersion, TOOL_NAME } from "./package-facts.ts";

const stop = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => stop.abort(name));

process.exitCode = await runAction({
  variables: process.env,
  write: (text) => void process.stdout.write(text),
  now: () => new Date(),
  newId: randomUUID,
  tool: { name: TOOL_NAME, version: readVersion() },
  signal: stop.signal,
});
