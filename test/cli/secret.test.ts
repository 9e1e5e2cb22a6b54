// `secret keygen` and `secret seal`: from a value in a file, a pipe or a terminal to one that Git may hold.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { secretAccess } from "../../cli/secret-access.ts";
import { AgeKeys } from "../../runner/secrets/age-keys.ts";
import { AGE_RECIPIENT } from "../sealed.ts";
import { commandRoom, ENTRY, type Room } from "./command.ts";
import { listenIn } from "./manifests.ts";

const VALUE = "typed-canary-77f0";
const PLACE = { namespace: "default", name: "db", key: "password" };

let room: Room;
beforeEach(() => {
  room = commandRoom();
});
afterEach(() => room.remove());

const inRoom = (file: string): string => readFileSync(join(room.folder, file), "utf8");

async function typeInto(words: readonly string[], typed: string) {
  const [command, args] = ["script", ["-qec", [process.execPath, ...ENTRY, ...words].join(" "), "/dev/null"]] as const;
  const env = { PATH: process.env["PATH"] ?? "", COUNTWHEEL_HOME: room.folder };
  const child = spawn(command, args, { cwd: room.folder, env, stdio: ["pipe", "pipe", "inherit"] });
  let shown = "";
  child.stdout.on("data", (bytes: Buffer) => {
    const isAsked = !shown.includes("not shown") && bytes.toString("utf8").includes("not shown");
    shown += bytes.toString("utf8");
    if (isAsked) child.stdin.write(typed);
  });
  const [code] = (await once(child, "close")) as [number | null];
  return { code, shown };
}

it("seals a value of a file for an identity that keygen made, and validate takes it", async () => {
  const made = await room.run("secret", "keygen", "runner.age");
  expect(made.stdout).toMatch(/^age1[a-z0-9]{58}\n$/);
  expect(statSync(join(room.folder, "runner.age")).mode & 0o777).toBe(0o600);
  room.write({
    value: `${VALUE}\n`,
    "m.yaml": "# kept\nkind: Secret\nmetadata: {name: db}\nspec:\n  stringData:\n    password: x\n",
  });
  const words = ["--recipient", made.stdout.trim(), "--from-file", "value", "--write", "m.yaml"];
  const sealed = await room.run("secret", "seal", "db:password", ...words);
  expect(sealed.stderr).toContain("string_data no longer holds `password`. Git remembers it: change the credential.");
  expect([sealed.code, sealed.stdout]).toEqual([0, ""]);
  expect(inRoom("m.yaml")).toMatch(/^# kept\nkind: Secret\n[^]*sealed:\n {4}password: \|\n {6}-----BEGIN AGE/);
  expect(await room.run("validate", "m.yaml")).toMatchObject({ code: 0 });
  const keys = new AgeKeys({ files: [join(room.folder, "runner.age")] });
  const armored = /-----BEGIN[^]*-----END AGE ENCRYPTED FILE-----/.exec(inRoom("m.yaml"))?.[0] ?? "";
  expect(await keys.open(armored.replace(/^ +/gm, ""), PLACE)).toEqual({ outcome: "opened", value: VALUE });
});

it("takes its recipients from the environment's settings", async () => {
  room.write({ value: VALUE, "countwheel.yaml": `environments: {prod: {age_recipients: [${AGE_RECIPIENT}]}}\n` });
  const words = ["--from-file", "value", "-o", "json", "--config", "countwheel.yaml"];
  const { stdout } = await room.run("secret", "seal", "team/db:password", "--env", "prod", ...words);
  expect(JSON.parse(stdout)).toMatchObject({ namespace: "team", key: "password", recipients: [AGE_RECIPIENT] });
  const nobody = await room.run("secret", "seal", "db", ...words);
  expect([nobody.code, nobody.stderr]).toEqual([64, expect.stringContaining("nobody to seal it for")]);
});

it("shows nothing of what is typed, and takes a mistake back", async (context) => {
  if (!existsSync("/usr/bin/script")) return context.skip();
  const { code, shown } = await typeInto(["secret", "seal", "db", "--recipient", AGE_RECIPIENT], `${VALUE}x\u007f\r`);
  expect(code).toBe(0);
  expect(shown).toContain("-----BEGIN AGE ENCRYPTED FILE-----");
  expect(shown).not.toContain("canary");
});

it.each([
  ["a recipient that is none", ["db", "--recipient", "age1x", "--from-file", "value"], "`age1x` is no age recipient"],
  [
    "a place that could be two",
    ["a/b", "--recipient", AGE_RECIPIENT, "--from-file", "value"],
    "names no key of a Secret",
  ],
  ["an empty value", ["db", "--recipient", AGE_RECIPIENT, "--from-file", "/dev/null"], "the value is empty"],
])("refuses %s", async (_what, words, said) => {
  room.write({ value: VALUE });
  expect(await room.run("secret", "seal", ...words)).toMatchObject({
    code: 64,
    stdout: "",
    stderr: expect.stringContaining(said),
  });
});

it("never writes over an identity", async () => {
  room.write({ "runner.age": "mine" });
  expect(await room.run("secret", "keygen", "runner.age")).toMatchObject({ code: 1 });
  expect(inRoom("runner.age")).toBe("mine");
});

it("an identity that Secrets could name is refused, also behind a link", async () => {
  const { host, remove } = await listenIn({ "open/runner.age": "x", "elsewhere/x": "" });
  symlinkSync(join(host.cwd, "open"), join(host.cwd, "link"));
  const access = (ageIdentity: string) => secretAccess(host, { secretDir: ["open"], ageIdentity: [ageIdentity] }, []);
  expect(() => access("open/runner.age")).toThrow("where Secrets could name it");
  expect(() => access("link/runner.age")).toThrow("where Secrets could name it");
  expect(access("elsewhere/x").folders).toEqual([join(host.cwd, "open")]);
  await remove();
});
