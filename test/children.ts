// The programs that tests start as processes of their own. They are bundled before the first test, as the command is: tsx
// takes six times as long to start one from its sources.
import { basename, join } from "node:path";

export const CHILDREN_FOLDER = join(import.meta.dirname, "../node_modules/.cache/countwheel-children");

/** Below this folder. */
export const CHILDREN = [
  "reconciler/leader/replica-child.ts",
  "runner/draining-child.ts",
  "runner/mcp/host-child.ts",
  "runner/runner-child.ts",
  "runner/tools/cli-host-child.ts",
  "runner/tools/grpc-tls-child.ts",
  "store/embedded/start-command.ts",
  "store/worker-child.ts",
] as const;

/** What node is to run. */
export function childProgram(source: (typeof CHILDREN)[number]): string {
  return join(CHILDREN_FOLDER, `${basename(source, ".ts")}.mjs`);
}
