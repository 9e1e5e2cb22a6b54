// Who somebody is to policies on the command line: the holder of an API token, and who cannot pass for one.
import { writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readConfig } from "../../cli/config.ts";
import { localIdentity } from "../../cli/identity.ts";
import { digestText } from "../../contracts/canonical.ts";
import { readAuditLog } from "../../store/audit-log.ts";
import { readHistory } from "../../store/history.ts";
import { dumpRedis } from "../redis-dump.ts";
import { newEnv } from "../store/world.ts";
import { holding, useAskingWorld, type Variables } from "./asking-world.ts";

const { here, folder, run, token, applyAsking, asked, standing } = useAskingWorld();

describe("who answers", () => {
  it("is who the token says, wherever a policy names it in other case, and the trace and the audit log keep it", async () => {
    const ci = await token("ci");
    await applyAsking({ approvers: ["token:CI", "github:ben"] });
    const waiting = await asked();
    const described = await run(["describe", "approval", waiting.name]);
    expect(described.out).toContain("May answer: token:CI, github:ben\n");
    expect(described.out).toContain("token: by COUNTWHEEL_TOKEN");
    const local = await run(["approve", waiting.name]);
    expect([local.code, local.err]).toEqual([4, expect.stringContaining("APPROVAL_NOT_ALLOWED: local:")]);
    const given = await run(["approve", waiting.name, "-o", "json"], holding(ci));
    expect([given.code, JSON.parse(given.out)]).toEqual([0, expect.objectContaining({ by: "token:ci" })]);
    expect((await here.world.ended(waiting.ref)).phase).toBe("Succeeded");
    expect(await standing(waiting)).toEqual(["Used", { kind: "token", name: "ci" }]);
    const events = await here.world.trace(waiting.ref);
    expect(events.find(({ type }) => type === "approval.decided")).toMatchObject({
      answer: "approved",
      by: "token:ci",
    });
    const told: unknown[] = [];
    for await (const { kind, by } of readAuditLog(here.world.redis, here.world.env)) told.push([kind, by]);
    const me = `local:${localIdentity().name}`;
    expect(told).toEqual(
      expect.arrayContaining([
        ["token.created", me],
        ["approval.decided", "token:ci"],
      ]),
    );
  });

  it("is nobody where a token is set that is not good: no answer counts as the machine's user instead", async () => {
    const [gone, over, looks] = [await token("gone"), await token("over"), await token("looks", "--allow", "look")];
    await run(["token", "revoke", "gone"]);
    await run(["token", "revoke", "over"]);
    const brief = await token("over", "--ttl", "1ms");
    const other = (await run(["token", "create", "gone", "--env", newEnv()])).out.trim();
    await applyAsking({});
    const waiting = await asked();
    const cases: readonly (readonly [string, string])[] = [
      ["", "API_TOKEN_REFUSED: COUNTWHEEL_TOKEN is set and empty"],
      ["  ", "API_TOKEN_REFUSED: COUNTWHEEL_TOKEN is set and empty"],
      ["ghp_0123456789", "API_TOKEN_REFUSED"],
      [gone, "API_TOKEN_REFUSED"],
      [over, "API_TOKEN_REFUSED"],
      [other, "API_TOKEN_REFUSED"],
      [looks.replace("looks", "ci"), "API_TOKEN_REFUSED"],
      [looks.slice(0, -1), "API_TOKEN_REFUSED"],
      [brief, "API_TOKEN_EXPIRED: COUNTWHEEL_TOKEN is the token `over`, which expired at"],
      [looks, "API_TOKEN_NOT_ALLOWED: the token `looks` was made for nothing but looking, and not for `approve`"],
    ];
    for (const [text, why] of cases) {
      for (const word of ["approve", "deny"]) {
        const refused = await run([word, waiting.name], holding(text));
        expect([text, refused.code, refused.err, refused.out]).toEqual([text, 4, expect.stringContaining(why), ""]);
        if (text.trim() !== "") expect(refused.err).not.toContain(text.slice(-43));
      }
      expect((await run(["run", "one", "-o", "json"], holding(text))).code).toBe(4);
    }
    expect(await standing(waiting)).toEqual(["Pending", undefined]);
    expect((await run(["explain", "API_TOKEN_REFUSED"])).out).toContain("never passed over");
  });

  it("is no matter of flags or variables", async () => {
    await token("ci");
    await applyAsking({ approvers: ["token:ci", "local:ada"] });
    const waiting = await asked();
    const forged: readonly (readonly [readonly string[], Variables])[] = [
      [["--as", "token ci"], {}],
      [["--as", "ada"], { USER: "ada", LOGNAME: "ada", GITHUB_ACTOR: "ada", USERNAME: "ada" }],
    ];
    for (const [flags, variables] of forged) {
      const refused = await run(["approve", waiting.name, ...flags], variables);
      expect([refused.code, refused.err]).toEqual([
        4,
        expect.stringContaining(`local:${userInfo().username} is none of`),
      ]);
    }
    for (const flags of [
      ["--token", "x"],
      ["--as", "token:ci"],
      ["--as", " LOCAL:ada"],
    ]) {
      expect((await run(["approve", waiting.name, ...flags])).code).toBe(64);
    }
    expect(await standing(waiting)).toEqual(["Pending", undefined]);
  });
});

describe("not_requester", () => {
  it("compares tokens: who ran the task may not approve, another token may", async () => {
    const [ada, ben] = [await token("ada"), await token("ben")];
    await applyAsking({ not_requester: true });
    const waiting = await asked(holding(ada));
    expect((await here.world.task(waiting.ref)).requestedBy).toEqual({ kind: "token", name: "ada" });
    expect((await run(["describe", "approval", waiting.name])).out).toContain(
      "but not who asked for the task (token:ada)",
    );
    const own = await run(["approve", waiting.name], holding(ada));
    expect([own.code, own.err]).toEqual([
      4,
      expect.stringContaining("APPROVAL_NOT_ALLOWED: token:ada asked for the task"),
    ]);
    expect(await standing(waiting)).toEqual(["Pending", undefined]);
    expect((await run(["approve", waiting.name], holding(ben))).code).toBe(0);
    expect((await here.world.ended(waiting.ref)).phase).toBe("Succeeded");
  });

  it("lets nobody approve under the same name of another kind, and lets them deny", async () => {
    const mine = await token(localIdentity().name.toLowerCase());
    await applyAsking({ not_requester: true });
    const waiting = await asked();
    const refused = await run(["approve", waiting.name], holding(mine));
    expect([refused.code, refused.err]).toEqual([
      4,
      expect.stringContaining(`by the name local:${localIdentity().name}`),
    ]);
    expect((await run(["deny", waiting.name, "--reason", "no"], holding(mine))).code).toBe(0);
  });
});

describe("countwheel token", () => {
  it("shows a token once, and afterwards everything of it but the token", async () => {
    const made = await run(["token", "create", "ci", "--allow", "approve", "apply", "--ttl", "7d", "-o", "json"]);
    const { token: text, ...facts } = JSON.parse(made.out) as { token: string; createdAt: string; expiresAt: string };
    expect(facts).toEqual({
      formatVersion: "1",
      name: "ci",
      allow: ["approve", "apply"],
      createdAt: expect.any(String),
      createdBy: localIdentity(),
      expiresAt: new Date(Date.parse(facts.createdAt) + 7 * 86_400_000).toISOString(),
    });
    expect(made.err).not.toContain(text);
    const [table, listed] = [await run(["token", "list"]), await run(["token", "list", "-o", "json"])];
    expect(table.out).toMatch(
      /^NAME +MAY +MADE +BY +EXPIRES +LAST USED\nci +approve,apply +\d+s ago +local:\S+ +in 7d +never\n$/,
    );
    expect(JSON.parse(listed.out).items).toMatchObject([{ name: "ci", expired: false, lastUsedAt: null }]);
    const exported = await run(["audit", "export"]);
    const everything = [table, listed, exported, await run(["audit", "verify"]), await run(["doctor"], holding(text))];
    const seen = everything.map(({ out, err }) => out + err).join("") + (await dumpRedis(here.world.redis));
    expect(seen).not.toContain(text.slice(-43));
    expect(exported.out).toContain('"kind":"token.created"');
    expect(listed.out).not.toContain("sha256:");
  });

  it("says what is wrong with a name, a time or a right, and which name is near", async () => {
    await token("ci");
    const wrong: readonly (readonly [readonly string[], number, string])[] = [
      [["create", "CI"], 64, "is no name of a token"],
      [["create", "a/b"], 64, "is no name of a token"],
      [["create", "ben", "--ttl", "400d"], 64, "366d at most"],
      [["create", "ben", "--ttl", "0s"], 64, "366d at most"],
      [["create", "ben", "--allow", "everything"], 64, "Allowed choices are approve, run, apply, look"],
      [["create", "ci"], 1, "TOKEN_EXISTS"],
      [["revoke", "cy"], 1, "Did you mean `ci`?"],
    ];
    for (const [words, code, why] of wrong) {
      const told = await run(["token", ...words]);
      expect([words, told.code, told.err]).toEqual([words, code, expect.stringContaining(why)]);
    }
  });

  it("goes under the state key with `seal`, is no part of an export, and lets nobody in where the key is missing", async () => {
    const [ci, sealing] = [await token("ci"), { COUNTWHEEL_STATE_KEY: "s".repeat(32) }];
    await applyAsking({});
    const waiting = await asked();
    const early = await run(["approve", waiting.name], { ...sealing, ...holding(ci) });
    expect([early.code, early.err]).toEqual([1, expect.stringContaining("STATE_UNSEALED: the API token `ci`")]);
    const sealed = await run(["seal", "--yes"], sealing);
    expect([sealed.code, sealed.err]).toEqual([0, expect.stringContaining("So are its API tokens: ci.")]);
    const keyless = await run(["approve", waiting.name], holding(ci));
    expect([keyless.code, keyless.err]).toEqual([1, expect.stringContaining("STATE_KEY_MISSING: the API token `ci`")]);
    expect(await standing(waiting)).toEqual(["Pending", undefined]);
    const exported = await run(["export", "--with-secrets"], sealing);
    expect([exported.code, exported.out.includes("AgentPolicy"), exported.out.includes(digestText(ci))]).toEqual([
      0,
      true,
      false,
    ]);
    expect((await run(["approve", waiting.name], { ...sealing, ...holding(ci) })).code).toBe(0);
  });

  it("is known to the configuration, and hidden from what manifests may name", () => {
    const { config, problems } = readConfig({ COUNTWHEEL_TOKEN: "cw_x" });
    expect([problems, config.apiToken, Object.keys(config.secretEnv)]).toEqual([[], "cw_x", []]);
  });
});

describe("an apply", () => {
  it("stands in the history under the token's name, and is refused where the token is not for it", async () => {
    const [ci, ben] = [await token("ci", "--allow", "apply"), await token("ben")];
    writeFileSync(
      join(folder, "m.yaml"),
      "kind: ModelEndpoint\nmetadata: {name: m}\nspec: {provider: mock, default_model: m}\n",
    );
    const apply = (variables: Variables, ...more: readonly string[]) =>
      run(["apply", "m.yaml", "--yes", ...more], { PATH: process.env["PATH"] ?? "", ...variables });
    const refused = await apply(holding(ben));
    expect([refused.code, refused.err]).toEqual([4, expect.stringContaining("API_TOKEN_NOT_ALLOWED")]);
    expect((await apply({}, "--as", "token:ci")).code).toBe(64);
    expect(await readHistory(here.world.redis, here.world.env, 9)).toEqual([]);
    expect((await apply(holding(ci), "--as", "Ada")).code).toBe(0);
    expect((await run(["history"])).out).toContain("token:ci (Ada)");
  });
});
