// A runner's program as users run it: bundled, as the command is.
import { buildChild } from "../test/built-child.ts";

/** `body` gets what node is to run. */
export async function withBuiltChild(body: (program: readonly string[]) => Promise<void>): Promise<void> {
  const child = await buildChild("test/runner/runner-child.ts", "external");
  try {
    await body([child.program]);
  } finally {
    await child.remove();
  }
}
