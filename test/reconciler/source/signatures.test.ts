// Who may sign what is applied: real keys, real commits, and lists that a pushed commit cannot change for itself.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { readCommit } from "../../../reconciler/source/repository.ts";
import { type SignatureRules, verifySource } from "../../../reconciler/source/signatures.ts";
import { TEST_GIT, type TestRepository, testRepository } from "../../git.ts";
import { describeWithGpg, describeWithSsh, type TestKeys, testKeys } from "../../keys.ts";
import { gitServer } from "./git-server.ts";

const FILE = "signers/allowed";
let keys: TestKeys;
let repository: TestRepository;

function verify(from: string | null, to: string | null, more: Partial<SignatureRules> = {}) {
  const signal = new AbortController().signal;
  const options = { git: TEST_GIT, repo: repository.folder, mirrorFolder: join(repository.folder, ".mirrors"), signal };
  const rules = { mode: "range", allowedSigners: FILE, folder: repository.folder, ...more } as const;
  return verifySource(options, rules, { from, to });
}

const bad = (sha: string, why: string, signer: unknown = null) => ({
  verdict: "bad",
  sha,
  signer,
  why: expect.stringContaining(why),
});

describeWithSsh("commits signed with SSH keys", () => {
  let ada: string;
  let eve: string;
  let base: string;
  beforeAll(async () => {
    keys = await testKeys();
    [ada, eve] = await Promise.all([keys.ssh("ada"), keys.ssh("eve")]);
  });
  afterAll(() => keys.remove());
  beforeEach(async () => {
    repository = await testRepository();
    base = await repository.commit({ [FILE]: `ada@example.test ${ada}\n` });
  });
  afterEach(() => repository.remove());

  it("are good where the base lists their key, and name the signer", async () => {
    const head = await keys.commit(repository, { a: "1" }, "ada");
    expect(await verify(base, head)).toEqual({ verdict: "good", signer: "ada@example.test" });
    expect(await verify(base, head, { mode: "head" })).toEqual({ verdict: "good", signer: "ada@example.test" });
  });

  it("are bad where nobody listed their key, however well they are signed", async () => {
    const head = await keys.commit(repository, { a: "1" }, "eve");
    expect(await verify(base, head)).toEqual(
      bad(head, "none of the allowed signers", expect.stringContaining("SHA256:")),
    );
  });

  it("cannot list their own key: the list of the judged commit counts for the next one", async () => {
    const listed = await keys.commit(repository, { [FILE]: `eve@example.test ${eve}\n` }, "eve");
    expect(await verify(base, listed)).toEqual(bad(listed, "none of the allowed signers", expect.anything()));
    const next = await keys.commit(repository, { a: "1" }, "eve");
    expect(await verify(listed, next)).toEqual({ verdict: "good", signer: "eve@example.test" });
  });

  it("do not hide one without a signature among them, unless the head alone is asked for", async () => {
    await keys.commit(repository, { a: "1" }, "ada");
    const plain = await repository.commit({ a: "2" });
    const head = await keys.commit(repository, { a: "3" }, "ada");
    expect(await verify(base, head)).toEqual(bad(plain, "it is not signed"));
    expect(await verify(base, head, { mode: "head" })).toMatchObject({ verdict: "good" });
  });

  it("do not vouch for what a signed merge brings in", async () => {
    await repository.git("checkout", "--quiet", "-b", "side");
    const side = await repository.commit({ b: "1" });
    await repository.git("checkout", "--quiet", "main");
    await keys.commit(repository, { a: "1" }, "ada");
    await repository.git("merge", "--quiet", "--no-ff", "--no-commit", "side");
    const head = await keys.commit(repository, {}, "ada");
    expect(await verify(base, head)).toEqual(bad(side, "it is not signed"));
  });

  it("are bad where their key was revoked in the base", async () => {
    const revoked = await repository.commit({ [`${FILE}.revoked`]: `${ada}\n` });
    const head = await keys.commit(repository, { a: "1" }, "ada");
    expect(await verify(revoked, head)).toEqual(bad(head, "is revoked", expect.anything()));
  });

  it("are bad where their key was listed for another time or another use", async () => {
    const cases = [
      ['valid-before="20250101"', "listed, but not for this time or use"],
      ['namespaces="file"', "or its key is not listed for use with git"],
    ] as const;
    for (const [option, why] of cases) {
      const narrow = await repository.commit({ [FILE]: `ada@example.test ${option} ${ada}\n` });
      const head = await keys.commit(repository, { a: option }, "ada");
      expect(await verify(narrow, head)).toEqual(bad(head, why, expect.stringContaining("SHA256:")));
    }
  });

  it("are bad where their content was changed under the signature", async () => {
    const head = await keys.commit(repository, { a: "1" }, "ada");
    const forged = (await repository.git("cat-file", "commit", head)).replace("\n\nsigned", "\n\nsigned by me");
    await writeFile(join(repository.folder, ".git", "forged"), `${forged}\n`);
    const sha = await repository.git("hash-object", "-t", "commit", "-w", join(repository.folder, ".git", "forged"));
    expect(await verify(base, sha)).toEqual(bad(sha, "does not fit its content", expect.anything()));
  });

  it("are judged by the file of the settings before the first apply, by their head alone", async () => {
    await repository.commit({ a: "1" });
    const head = await keys.commit(repository, { a: "2" }, "ada");
    expect(await verify(null, head)).toEqual({ verdict: "good", signer: "ada@example.test" });
    expect(await verify(null, await repository.commit({}))).toMatchObject({ verdict: "bad", why: "it is not signed" });
    expect(await verify(null, head, { folder: join(repository.folder, "elsewhere") })).toMatchObject({
      verdict: "bad",
      why: expect.stringContaining("cannot be read"),
    });
  });

  it("are bad where the base has no list, is gone, or the settings name none", async () => {
    const without = await repository.commit({ [FILE]: null });
    const head = await keys.commit(repository, { a: "1" }, "ada");
    expect(await verify(without, head)).toEqual(bad(head, "has no file"));
    expect(await verify("0".repeat(40), head)).toEqual(bad(head, "is not in the repository"));
    expect(await verify(base, head, { allowedSigners: null })).toEqual(bad(head, "name no file of allowed signers"));
    const outside = await repository.commit({ [FILE]: `ada@example.test ${ada}\n` });
    expect(outside).toBeTruthy();
    await expect(verify(outside, head, { allowedSigners: "../outside" })).rejects.toMatchObject({
      code: "PATH_NOT_FOUND",
    });
  });

  it("run no program that the repository's own configuration names", async () => {
    const trap = join(repository.folder, ".git", "trap");
    await writeFile(trap, `#!/bin/sh\ntouch '${trap}.sprung'\nexit 0\n`, { mode: 0o755 });
    for (const name of ["gpg.program", "gpg.ssh.program", "gpg.openpgp.program", "gpg.x509.program"])
      await repository.git("config", name, trap);
    const allowed = join(repository.folder, ".git", "everybody");
    await writeFile(allowed, `* ${eve}\n`);
    await repository.git("config", "gpg.ssh.allowedSignersFile", allowed);
    await repository.git("config", "--unset", "gpg.ssh.program");
    const head = await keys.commit(repository, { a: "1" }, "eve");
    await repository.git("config", "gpg.ssh.program", trap);
    expect(await verify(base, head)).toMatchObject({ verdict: "bad" });
    await expect(repository.git("hash-object", `${trap}.sprung`)).rejects.toThrow();
  });

  it("are not asked for where the environment wants none, and a working tree has none", async () => {
    expect(await verify(base, base, { mode: "none" })).toBeNull();
    expect(await verify(base, null)).toMatchObject({ verdict: "bad", sha: null });
  });

  it("are read through a mirror, which fetches the base's list", async () => {
    const head = await keys.commit(repository, { a: "1" }, "ada");
    await repository.push();
    const server = await gitServer(repository.bare);
    const options = {
      git: TEST_GIT,
      repo: server.url,
      mirrorFolder: join(repository.folder, ".git", "mirrors"),
      signal: new AbortController().signal,
    };
    try {
      await readCommit({ ...options, ref: "main", path: "." });
      const rules = { mode: "range", allowedSigners: FILE, folder: "/nonexistent" } as const;
      const verdict = await verifySource(options, rules, { from: base, to: head });
      expect(verdict).toEqual({ verdict: "good", signer: "ada@example.test" });
    } finally {
      await server.stop();
    }
  });
});

describeWithGpg("commits signed with PGP keys", () => {
  let base: string;
  let ada: string;
  beforeAll(async () => {
    keys = await testKeys();
    ada = await keys.pgp("ada");
    await keys.pgp("eve");
  });
  afterAll(() => keys.remove());
  beforeEach(async () => {
    repository = await testRepository();
    base = await repository.commit({ [FILE]: `# who may\n${ada}` });
  });
  afterEach(() => repository.remove());

  it("are good where the base lists their key, and bad where it does not", async () => {
    const head = await keys.commit(repository, { a: "1" }, "ada");
    expect(await verify(base, head)).toEqual({ verdict: "good", signer: "ada <ada@example.test>" });
    const other = await keys.commit(repository, { a: "2" }, "eve");
    expect(await verify(base, other)).toEqual(bad(other, "none of the allowed signers", expect.anything()));
  });

  it("are bad where their key was revoked or has expired", async () => {
    const short = await keys.pgp("short", "seconds=1");
    const signed = await keys.commit(repository, { a: "1" }, "short");
    const mallory = await keys.pgp("mallory");
    const second = await keys.commit(repository, { a: "2" }, "mallory");
    const gone = await keys.revokePgp("mallory");
    expect(mallory).not.toBe(gone);
    await writeFile(join(repository.folder, "here"), `${short}${gone}`);
    const here = { mode: "head", allowedSigners: "here" } as const;
    expect(await verify(null, second, here)).toEqual(bad(second, "is revoked", expect.anything()));
    await expect
      .poll(() => verify(null, signed, here), { timeout: 5_000 })
      .toEqual(bad(signed, "has expired", expect.anything()));
  });

  it("may stand beside SSH keys in one list", async () => {
    const line = await keys.ssh("carl");
    const both = await repository.commit({ [FILE]: `carl@example.test ${line}\n${ada}\n` });
    await keys.commit(repository, { a: "1" }, "ada");
    const head = await keys.commit(repository, { a: "2" }, "carl");
    expect(await verify(both, head)).toEqual({ verdict: "good", signer: "carl@example.test" });
  });
});
