// Where secret values come from, and what is said when one is missing: never a value.
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { DEFAULT_VARIABLE_PATTERNS, type SecretAccess } from "../../../runner/secrets/allowed.ts";
import { parseSecretReference } from "../../../runner/secrets/reference.ts";
import { openSecrets } from "../../../runner/secrets/secrets.ts";
import { entriesOf } from "../tools/entries.ts";

let root: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "countwheel-secrets-"));
  await mkdir(join(root, "open"));
  await writeFile(join(root, "open", "token"), "from-a-file\n");
  await writeFile(join(root, "outside"), "out-of-bounds");
  await symlink(join(root, "outside"), join(root, "open", "link"));
});

afterAll(() => rm(root, { recursive: true, force: true }));

const ENTRIES = entriesOf([
  [
    "Secret",
    "claude",
    { from: { value: { env: "ANTHROPIC_API_KEY" }, other: { env: "PATH" }, gone: { env: "GONE_API_KEY" } } },
  ],
  [
    "Secret",
    "plain",
    { data: { value: "ZW5jb2RlZA==", both: "bG9zZXM=" }, string_data: { both: "wins", user: "ada" } },
  ],
  ["Secret", "files", { from: { token: { file: "token" }, link: { file: "link" }, up: { file: "../outside" } } }],
  ["Secret", "boxed", { sealed: { value: "age1..." } }],
  ["Secret", "team/shared", { string_data: { value: "of the team" } }],
]);

function secrets(access: Partial<SecretAccess> = {}) {
  return openSecrets(ENTRIES, {
    variables: { ANTHROPIC_API_KEY: "sk-from-env", PATH: "/bin" },
    variablePatterns: DEFAULT_VARIABLE_PATTERNS,
    folders: [join(root, "open")],
    ...access,
  });
}

const resolve = (reference: string) => secrets().resolve(reference, "default", "ModelEndpoint default/m");

test.each([
  ["claude", "sk-from-env"],
  ["claude:value", "sk-from-env"],
  ["plain", "encoded"],
  ["plain:both", "wins"],
  ["plain/user", "ada"],
  ["team/shared", "of the team"],
  ["team/shared:value", "of the team"],
  ["files:token", "from-a-file"],
])("`%s` is `%s`", async (reference, value) => {
  expect(await resolve(reference)).toBe(value);
});

function known(namespace: string, name: string): boolean {
  return namespace === "team" && name === "shared";
}

test("`a/b` is namespace and name where such a Secret is known, otherwise name and key", () => {
  expect(parseSecretReference("team/shared", "default", known)).toEqual({
    namespace: "team",
    name: "shared",
    key: "value",
  });
  expect(parseSecretReference("gmail/oauth", "default", known)).toEqual({
    namespace: "default",
    name: "gmail",
    key: "oauth",
  });
});

test.each([
  [
    "nothing",
    "SECRET_MISSING",
    "declare a Secret `nothing` in namespace `default`, such as `from: { value: { env: COUNTWHEEL_SECRET_NOTHING } }`",
  ],
  ["claude:gone", "SECRET_MISSING", "set the variable `GONE_API_KEY` for the runner"],
  ["plain:usr", "SECRET_MISSING", "it has `both`, `user`, `value`; write `plain:both` if that is meant"],
  ["claude:other", "SECRET_REFUSED", "the runner does not allow the variable `PATH`"],
  ["files:link", "SECRET_REFUSED", "the runner does not allow the file `link`"],
  ["files:up", "SECRET_REFUSED", "the runner does not allow the file `../outside`"],
  ["boxed", "SECRET_SEALED_DAMAGED", "it is neither armored age text nor base64"],
])("`%s` fails with %s and says what to do", async (reference, code, how) => {
  await expect(resolve(reference)).rejects.toMatchObject({
    name: "PermanentFailure",
    code,
    message: expect.stringContaining(how),
  });
});

test("reads no file where no folder is allowed", async () => {
  const closed = secrets({ folders: [] });
  await expect(closed.resolve("files:token", "default", "x")).rejects.toMatchObject({ code: "SECRET_REFUSED" });
});

test("knows every value of the manifests, and of the runner those that were asked for", async () => {
  const opened = secrets();
  expect(opened.knownValues()).not.toContain("sk-from-env");
  await opened.resolve("claude", "default", "x");
  expect([...opened.knownValues()].toSorted()).toEqual([
    "ada",
    "encoded",
    "loses",
    "of the team",
    "sk-from-env",
    "wins",
  ]);
});
