// Sealed values are opened where they are used, with the identities that the runner has then; what stands in the way is said
// without a value.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { readSealedText } from "../../../contracts/sealed-text.ts";
import { makeIdentity } from "../../../runner/secrets/age.ts";
import { AgeKeys, type IdentitySources } from "../../../runner/secrets/age-keys.ts";
import { openSecrets } from "../../../runner/secrets/secrets.ts";
import { AGE_IDENTITY, BY_AGE, sealedValue } from "../../sealed.ts";
import { entriesOf } from "../tools/entries.ts";

const VALUE = "opened-canary-0e41";
const PLACE = { namespace: "default", name: "db", key: "password" };

let root: string;
let sealed: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "countwheel-sealed-"));
  sealed = await sealedValue(PLACE, VALUE);
});
afterAll(() => rm(root, { recursive: true, force: true }));

let identityFile: string;
beforeEach(async () => {
  identityFile = join(root, `identity-${Math.random()}.txt`);
  await writeFile(identityFile, `# created: today\n# public key: age1…\n${AGE_IDENTITY}\n`);
});

function secretsWith(sources: IdentitySources | null, texts: Readonly<Record<string, string>>) {
  const entries = entriesOf([["Secret", "db", { sealed: texts }]]);
  const ageKeys = sources === null ? undefined : new AgeKeys(sources);
  return openSecrets(entries, { variables: {}, variablePatterns: [], folders: [], ageKeys });
}

const open = (text: string, sources: IdentitySources | null = { files: [identityFile] }, key = "password") =>
  secretsWith(sources, { [key]: text }).resolve(`db:${key}`, "default", "Tool default/t");

test.each([
  ["a file of identities", () => ({ files: [identityFile] })],
  ["their text", () => ({ files: [], text: AGE_IDENTITY })],
])("is opened with %s", async (_how, sources) => {
  expect(await open(sealed, sources())).toBe(VALUE);
});

test("that age itself has made is opened, for any place", async () => {
  expect(await open(BY_AGE)).toBe("made by age itself");
});

test("in base64 is opened, too", async () => {
  const read = readSealedText(sealed);
  if (read.outcome !== "sealed") throw new Error(read.why);
  expect(await open(Buffer.from(read.bytes).toString("base64"))).toBe(VALUE);
});

test("is known to what redacts, once it was opened and not before", async () => {
  const secrets = secretsWith({ files: [identityFile] }, { password: sealed });
  expect(secrets.knownValues()).toEqual([]);
  await secrets.resolve("db:password", "default", "Tool default/t");
  expect(secrets.knownValues()).toEqual([VALUE]);
});

test.each([
  ["without any identity", null, "SECRET_IDENTITY_MISSING", "start it with `--age-identity FILE`"],
  ["with a file that is not there", { files: ["/nowhere/id"] }, "SECRET_IDENTITY_MISSING", "cannot read its age ident"],
  ["with a file of none", { files: ["/dev/null"] }, "SECRET_IDENTITY_MISSING", "`/dev/null` holds no age identity"],
  [
    "with a text that is none",
    { files: [], text: "AGE-SECRET-KEY-1X" },
    "SECRET_IDENTITY_MISSING",
    "identity 1 is none",
  ],
])("%s fails with what to do", async (_how, sources, code, how) => {
  await expect(open(sealed, sources as IdentitySources | null)).rejects.toMatchObject({
    name: "PermanentFailure",
    code,
    message: expect.stringContaining(how),
  });
  const said = await open(sealed, sources as IdentitySources | null).catch(String);
  expect(said).not.toContain("SECRET-KEY");
});

test("for somebody else is refused, and so is what was changed", async () => {
  const { recipient } = await makeIdentity();
  const others = await sealedValue(PLACE, VALUE, recipient);
  await expect(open(others)).rejects.toMatchObject({ code: "SECRET_IDENTITY_WRONG" });
  const read = readSealedText(sealed);
  if (read.outcome !== "sealed") throw new Error(read.why);
  for (const at of [40, 60, 120, 200, read.bytes.length - 1]) {
    const changed = Buffer.from(read.bytes);
    changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
    const failure = await open(changed.toString("base64")).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: expect.stringMatching(/^SECRET_(SEALED_DAMAGED|IDENTITY_WRONG)$/) });
  }
});

test("is opened in its own place only, whoever copies it", async () => {
  await expect(open(sealed, null, "other")).rejects.toMatchObject({ code: "SECRET_IDENTITY_MISSING" });
  await expect(open(sealed, { files: [identityFile] }, "other")).rejects.toMatchObject({
    code: "SECRET_SEALED_ELSEWHERE",
    message: expect.stringContaining("it was sealed for `default/db:password`"),
  });
});

test("is closed again once its identity is gone, and opens with another one, without a restart", async () => {
  const secrets = secretsWith({ files: [identityFile] }, { password: sealed });
  const resolve = () => secrets.resolve("db:password", "default", "Tool default/t");
  expect(await resolve()).toBe(VALUE);
  const { identity } = await makeIdentity();
  await writeFile(identityFile, identity);
  await expect(resolve()).rejects.toMatchObject({ code: "SECRET_IDENTITY_WRONG" });
  await writeFile(identityFile, `${identity}\n${AGE_IDENTITY}\n`);
  expect(await resolve()).toBe(VALUE);
});
