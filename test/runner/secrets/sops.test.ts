// Values in files of SOPS: opened by the program where they are used, with what it may know, and closed in clear words.
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { AgeKeys } from "../../../runner/secrets/age-keys.ts";
import { openSecrets } from "../../../runner/secrets/secrets.ts";
import { SopsFiles } from "../../../runner/secrets/sops-files.ts";
import { AGE_IDENTITY } from "../../sealed.ts";
import { installSops, type SopsCall, writeSops } from "../../sops.ts";
import { allGone } from "../mcp/servers.ts";
import { entriesOf } from "../tools/entries.ts";

const CONTENT = {
  db: { password: "opened-canary-51c0", "user.name": "ada", port: 5432, on: true, rate: 1.5, none: "", deep: { a: 1 } },
  token: "t0p-canary",
  sops: {},
};
const OTHER_KEY = "AGE-SECRET-KEY-1OTHERCANARY";

let root: string;
let calls: () => Promise<readonly SopsCall[]>;
let clockMs: number;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "countwheel-sops-"));
  const inside = (name: string): string => join(root, "secrets", name);
  await writeSops(inside("prod.enc.yaml"), CONTENT, AGE_IDENTITY);
  await writeSops(inside("changed.enc.yaml"), CONTENT, AGE_IDENTITY, { mac: "0" });
  await writeSops(inside("garbage.enc.yaml"), CONTENT, AGE_IDENTITY, { does: "garbage" });
  await writeSops(inside("flood.enc.yaml"), CONTENT, AGE_IDENTITY, { does: "flood" });
  await writeSops(join(root, "outside.yaml"), CONTENT, AGE_IDENTITY);
  await symlink(join(root, "outside.yaml"), inside("link.yaml"));
  await writeFile(join(root, "identity"), AGE_IDENTITY);
});
afterAll(() => rm(root, { recursive: true, force: true }));
beforeEach(async () => {
  calls = await installSops(join(root, "bin"));
  clockMs = 0;
});

interface How {
  readonly path?: string;
  readonly identity?: string;
  readonly signal?: AbortSignal;
  readonly more?: Readonly<Record<string, string>>;
}

/** A Secret whose key `password` is what `from` says. */
function secretsOf(from: Readonly<Record<string, string>>, { path, identity, signal, more = {} }: How = {}) {
  const variables = { PATH: path ?? `${join(root, "bin")}:/usr/bin:/bin`, STATE: "not for it", ...more };
  const ageKeys = new AgeKeys({ files: identity === undefined ? [join(root, "identity")] : [], text: identity });
  const sopsFiles = new SopsFiles(variables, ageKeys, () => clockMs);
  const access = { variables, variablePatterns: [], folders: [join(root, "secrets")], ageKeys, sopsFiles };
  return openSecrets(entriesOf([["Secret", "db", { from: { password: from } }]]), access, signal);
}

const resolve = (from: Readonly<Record<string, string>>, how?: How) =>
  secretsOf(from, how).resolve("db:password", "default", "Tool default/t");

test.each([
  [{ path: "db.password" }, "opened-canary-51c0"],
  [{ path: "/db/user.name" }, "ada"],
  [{ path: "db.port" }, "5432"],
  [{ path: "db.on" }, "true"],
])("%j of a file is `%s`", async (place, value) => {
  expect(await resolve({ sops: "prod.enc.yaml", ...place })).toBe(value);
});

test("without a path the key is meant", async () => {
  const from = { token: { sops: "prod.enc.yaml" } };
  const variables = { PATH: join(root, "bin") };
  const ageKeys = new AgeKeys({ files: [], text: AGE_IDENTITY });
  const sopsFiles = new SopsFiles(variables, ageKeys, () => 0);
  const access = { variables, variablePatterns: [], folders: [join(root, "secrets")], sopsFiles };
  const secrets = openSecrets(entriesOf([["Secret", "db", { from }]]), access);
  expect(await secrets.resolve("db:token", "default", "x")).toBe("t0p-canary");
  expect(secrets.knownValues()).toEqual(["t0p-canary"]);
});

test("the program is given the file and the keys' whereabouts, and nothing else of the runner", async () => {
  const more = { AWS_PROFILE: "prod", SOPS_AGE_KEY: OTHER_KEY, COUNTWHEEL_SECRET_X: "canary" };
  await resolve({ sops: "prod.enc.yaml", path: "token" }, { more });
  const [call] = await calls();
  expect(call?.argv).toEqual(["--decrypt", "--output-type", "json", join(root, "secrets", "prod.enc.yaml")]);
  const { PWD: _shells, OLDPWD: _own, SHLVL: _three, _: _more, ...env } = call?.env ?? {};
  expect(env).toEqual({
    PATH: `${join(root, "bin")}:/usr/bin:/bin`,
    AWS_PROFILE: "prod",
    SOPS_AGE_KEY: `${OTHER_KEY}\n${AGE_IDENTITY}`,
  });
});

const PROD = { sops: "prod.enc.yaml", path: "db.password" };

test.each<[string, Readonly<Record<string, string>>, How, string, string]>([
  ["no sops on the PATH", PROD, { path: "/nowhere" }, "SECRET_SOPS_UNAVAILABLE", "has no `sops` on its PATH"],
  ["a key that is not its own", PROD, { identity: OTHER_KEY }, "SECRET_SOPS_CLOSED", "tried \\[secret\\]"],
  [
    "a file that was changed",
    { ...PROD, sops: "changed.enc.yaml" },
    {},
    "SECRET_SOPS_DAMAGED",
    "ended with 51 on `.*`; it said:\nMAC mismatch. File has 0",
  ],
  ["an answer that is no JSON", { ...PROD, sops: "garbage.enc.yaml" }, {}, "SECRET_SOPS_FAILED", "is no JSON$"],
  ["more than any secret", { ...PROD, sops: "flood.enc.yaml" }, {}, "SECRET_SOPS_FAILED", "more than 4194304 bytes"],
  [
    "a path that is not there",
    { ...PROD, path: "db.passwort" },
    {},
    "SECRET_MISSING",
    "there are `password`, `user.na",
  ],
  ["a path into a text", { ...PROD, path: "token.x" }, {}, "SECRET_MISSING", "has no `token.x`$"],
  ["a map", { ...PROD, path: "db.deep" }, {}, "SECRET_REFUSED", "is no text"],
  ["a number that JSON may have changed", { ...PROD, path: "db.rate" }, {}, "SECRET_REFUSED", "put it in quotes"],
  ["an empty text", { ...PROD, path: "db.none" }, {}, "SECRET_MISSING", "is empty"],
  ["a file that is not there", { sops: "gone.yaml" }, {}, "SECRET_MISSING", "put it into the file `.*/gone.yaml`"],
  ["a file out of bounds", { sops: "../outside.yaml" }, {}, "SECRET_REFUSED", "does not allow the file"],
  ["a link out of bounds", { sops: "link.yaml" }, {}, "SECRET_REFUSED", "does not allow the file `link.yaml`"],
])("%s fails in words, without a value or a key", async (_what, from, how, code, said) => {
  const failure: unknown = await resolve(from, how).catch((error: unknown) => error);
  expect(failure).toMatchObject({ name: "PermanentFailure", code, message: expect.stringMatching(said) });
  expect(String(failure)).not.toMatch(/canary|SECRET-KEY/i);
});

test("is opened once for many uses, anew when the file changes, its minute is over, or the identity goes", async () => {
  const file = join(root, "secrets", "rotated.enc.yaml");
  await writeSops(file, { password: "first" }, AGE_IDENTITY);
  await writeFile(join(root, "identity-2"), AGE_IDENTITY);
  const variables = { PATH: join(root, "bin") };
  const ageKeys = new AgeKeys({ files: [join(root, "identity-2")] });
  const sopsFiles = new SopsFiles(variables, ageKeys, () => clockMs);
  const access = { variables, variablePatterns: [], folders: [join(root, "secrets")], ageKeys, sopsFiles };
  const entries = entriesOf([["Secret", "db", { from: { password: { sops: "rotated.enc.yaml" } } }]]);
  const use = () => openSecrets(entries, access).resolve("db:password", "default", "x");
  expect(await Promise.all([use(), use(), use()])).toEqual(["first", "first", "first"]);
  expect(await calls()).toHaveLength(1);
  await writeSops(file, { password: "other" }, AGE_IDENTITY);
  expect(await use()).toBe("other");
  expect(await calls()).toHaveLength(2);
  clockMs += 60_000;
  await use();
  expect(await calls()).toHaveLength(3);
  await writeFile(join(root, "identity-2"), OTHER_KEY);
  await expect(use()).rejects.toMatchObject({ code: "SECRET_SOPS_CLOSED" });
  await writeFile(join(root, "identity-2"), AGE_IDENTITY);
  clockMs += 1_000;
  expect(await use()).toBe("other");
});

test("an abort ends the program with all of its group, and throws its reason", async () => {
  await writeSops(join(root, "secrets", "hang.enc.yaml"), { password: "x" }, AGE_IDENTITY, { does: "hang" });
  const abort = new AbortController();
  const use = resolve({ sops: "hang.enc.yaml" }, { signal: abort.signal });
  use.catch(() => undefined);
  await vi.waitUntil(async () => (await calls()).length === 2, { timeout: 10_000, interval: 20 });
  const reason = new Error("the lease is gone");
  abort.abort(reason);
  await expect(use).rejects.toBe(reason);
  const pids = (await calls()).map(({ pid }) => pid);
  await allGone({ pids: async () => pids });
});

test("starts nothing for somebody who has been aborted already", async () => {
  const signal = AbortSignal.abort(new Error("no time"));
  await expect(resolve(PROD, { signal })).rejects.toThrow("no time");
  expect(await calls()).toEqual([]);
});
