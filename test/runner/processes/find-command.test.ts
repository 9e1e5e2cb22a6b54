// Which program a name means, and which ones a runner may start.
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type CommandGround, findCommand } from "../../../runner/processes/find-command.ts";

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "cw-command-"));
  for (const place of ["bin/tool", "bin/other", "evil/tool"]) await program(join(root, place));
  await symlink(join(root, "bin/tool"), join(root, "link"));
});

afterEach(() => rm(root, { recursive: true, force: true }));

async function program(path: string): Promise<void> {
  await mkdir(join(path, ".."), { recursive: true });
  await writeFile(path, "#!/bin/sh\n");
  await chmod(path, 0o755);
}

async function find(
  command: string,
  allowed: readonly string[] | null = null,
  env: Readonly<Record<string, string>> = {},
) {
  const variables = { PATH: join(root, "bin"), HOME: root };
  const ground: CommandGround = { variables, cwd: root, allowedCommands: allowed };
  const asked = { command, env: { ...variables, ...env }, cwd: root };
  return findCommand(asked, ground).then(
    (path) => path.slice(root.length + 1),
    ({ code, message }) => ({ code, message }),
  );
}

describe("the program that a manifest names", () => {
  it("is found in the PATH of its own environment, or from its folder", async () => {
    expect(await find("tool")).toBe("bin/tool");
    expect(await find("tool", null, { PATH: join(root, "evil") })).toBe("evil/tool");
    expect(await find("./bin/other")).toBe("bin/other");
    expect(await find("bin/../evil/tool")).toBe("evil/tool");
  });

  it("is none where no file is there, where it cannot be run, or where it is a folder", async () => {
    await writeFile(join(root, "bin/plain"), "");
    await mkdir(join(root, "bin/folder"));
    for (const command of ["nothing", "plain", "folder", "./bin", ""]) {
      expect(await find(command)).toMatchObject({ code: "COMMAND_NOT_STARTED" });
    }
  });

  it("is not looked for in the working folder, whatever PATH says", async () => {
    await program(join(root, "here"));
    expect(await find("here", null, { PATH: `:.:${join(root, "bin")}` })).toMatchObject({
      code: "COMMAND_NOT_STARTED",
    });
  });
});

describe("a runner that was told what it may start", () => {
  it("starts what a name means on its own PATH, and what a pattern of paths matches", async () => {
    expect(await find("tool", ["tool"])).toBe("bin/tool");
    expect(await find("./bin/tool", ["tool"])).toBe("bin/tool");
    expect(await find("other", [join(root, "bin/*")])).toBe("bin/other");
    expect(await find("./evil/tool", ["./evil/tool"])).toBe("evil/tool");
  });

  it("starts nothing else, however it is spelt", async () => {
    expect(await find("other", ["tool"])).toMatchObject({
      code: "COMMAND_NOT_ALLOWED",
      message: `command \`other\` is not started: this runner starts only tool (--allow-command), and it is \`${root}/bin/other\``,
    });
    for (const command of ["./evil/tool", "bin/../evil/tool", "./link"]) {
      expect(await find(command, ["tool", join(root, "bin/*")])).toMatchObject({ code: "COMMAND_NOT_ALLOWED" });
    }
    expect(await find("tool", [])).toMatchObject({ code: "COMMAND_NOT_ALLOWED" });
  });

  it.each(["PATH", "LD_PRELOAD", "NODE_OPTIONS", "PYTHONPATH", "GIT_EXTERNAL_DIFF", "BASH_ENV"])(
    "starts nothing whose manifest sets %s",
    async (name) => {
      expect(await find("tool", ["tool"], { [name]: join(root, "evil") })).toMatchObject({
        code: "COMMAND_NOT_ALLOWED",
        message: expect.stringContaining(`its manifest sets ${name}`),
      });
    },
  );
});
