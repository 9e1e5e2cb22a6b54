// The gate looks where the policies cannot: it follows links, and gives the task's input.
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compilePolicies } from "../../../policies/policy-set.ts";
import { realPath } from "../../../runner/gate/real-path.ts";
import { globalPolicy } from "../../policies/requests.ts";
import { openGate, postingTool, toolAsk } from "./desk.ts";

let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "cw-paths-"));
  await mkdir(join(folder, "in"));
  await writeFile(join(folder, "secret"), "x");
  await symlink(folder, join(folder, "in/out"));
  await symlink("circle", join(folder, "in/circle"));
  await symlink(join(folder, "in"), join(folder, "link"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function outcomeOf(rule: unknown, args: Readonly<Record<string, unknown>>, isLive = false): Promise<string> {
  const policies = [globalPolicy({ rules: [rule] })];
  const gate = openGate({
    tools: [postingTool("http://127.0.0.1:9/")],
    input: { order: "A-17" },
    ...(isLive ? { live: async () => compilePolicies(policies, "sha256:live") } : { policies }),
  });
  const asked = await gate.requestTool(toolAsk("search", { arguments: args }));
  return asked.outcome === "denied" ? asked.denial.code : asked.outcome;
}

describe.each([false, true])("path_within, policies of now: %s", (isLive) => {
  const call = (path: string, root = "in"): Promise<string> =>
    outcomeOf(
      { match: { tools: ["search"] }, must: { q: { path_within: join(folder, root) } } },
      { q: join(folder, path) },
      isLive,
    );

  it("lets what really is inside pass, also what does not exist yet and what a link to the folder names", async () => {
    expect(await call("in/new/file")).toBe("permitted");
    expect(await call("link/new", "link")).toBe("permitted");
  });

  it("denies what a link leads out to, and what cannot be followed", async () => {
    expect(await call("in/out/secret")).toBe("TOOL_ARG_FORBIDDEN");
    expect(await call("in/circle/x")).toBe("TOOL_ARG_FORBIDDEN");
    expect(await call("secret")).toBe("TOOL_ARG_FORBIDDEN");
  });
});

describe("equals_input", () => {
  it("compares with what the task was given", async () => {
    const rule = { match: { tools: ["search"] }, must: { q: { equals_input: "order" } } };
    expect(await outcomeOf(rule, { q: "A-17" })).toBe("permitted");
    expect(await outcomeOf(rule, { q: "A-18" })).toBe("TOOL_ARG_FORBIDDEN");
  });
});

describe("the real path", () => {
  it("of what does not exist is below its nearest folder; of a circle nobody can say", async () => {
    expect(await realPath(join(folder, "in/out/a/b"))).toBe(join(await realPath(folder).then(String), "a/b"));
    expect(await realPath(join(folder, "in/circle"))).toBeNull();
  });
});
