// `--github`: who somebody is, in GitHub's own words; and who is nobody.
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type GithubServer, startGithub } from "../github/server.ts";
import { dumpRedis } from "../redis-dump.ts";
import { useAskingWorld, type Variables } from "./asking-world.ts";

const { here, run, token, applyAsking, asked, standing } = useAskingWorld();
const TOKENS = { ben: "ghp_bens-token", eve: "ghp_eves-token", bot: "ghp_bots-token", app: "ghs_apps-token" } as const;
let github: GithubServer;

beforeAll(async () => {
  github = await startGithub({
    [TOKENS.ben]: { kind: "personal", login: "Ben" },
    [TOKENS.eve]: { kind: "personal", login: "eve" },
    [TOKENS.bot]: { kind: "personal", login: "renovate[bot]" },
    [TOKENS.app]: { kind: "app", slug: "countwheel" },
  });
});
afterEach(() => {
  github.heal();
  github.state.ids.clear();
  expect(github.violations).toEqual([]);
});
afterAll(() => github.stop());

const at = (who: string, more: Variables = {}): Variables => ({
  GITHUB_TOKEN: who,
  GITHUB_API_URL: github.url,
  ...more,
});
/** As the identity of a user there is written. */
const user = (login: string): string => `github:${login}@${new URL(github.url).host}`;

describe("an answer with --github", () => {
  it("counts as that of the user whom GitHub names, whatever the case, and keeps their number", async () => {
    await applyAsking({ approvers: [user("BEN")] });
    const waiting = await asked();
    expect((await run(["describe", "approval", waiting.name])).out).toContain(
      "github: by their GITHUB_TOKEN, with --github",
    );
    expect((await run(["approve", waiting.name], at(TOKENS.ben))).code).toBe(4);
    const other = await run(["approve", waiting.name, "--github"], at(TOKENS.eve));
    expect([other.code, other.err]).toEqual([4, expect.stringContaining(`${user("eve")} is none of those`)]);
    const given = await run(["approve", waiting.name, "--github", "-o", "json"], at(TOKENS.ben));
    expect([given.code, JSON.parse(given.out)]).toEqual([0, expect.objectContaining({ by: user("Ben") })]);
    expect((await here.world.ended(waiting.ref)).phase).toBe("Succeeded");
    const name = user("Ben").slice("github:".length);
    expect(await standing(waiting)).toEqual(["Used", { kind: "github", name, id: github.state.idOf("ben") }]);
    const events = await here.world.trace(waiting.ref);
    expect(events.find(({ type }) => type === "approval.decided")).toMatchObject({ by: user("Ben") });
    expect((await dumpRedis(here.world.redis)) + given.out + given.err).not.toContain(TOKENS.ben);
    expect(new Set(github.requests.map(({ method, path }) => `${method} ${path}`))).toEqual(new Set(["GET /user"]));
  });

  it("makes nobody a user of github.com who asks another server", async () => {
    await applyAsking({ approvers: ["github:ben", "github:Ben"] });
    const waiting = await asked();
    const refused = await run(["approve", waiting.name, "--github"], at(TOKENS.ben));
    expect([refused.code, refused.err]).toEqual([4, expect.stringContaining(`${user("Ben")} is none of those`)]);
    expect(await standing(waiting)).toEqual(["Pending", undefined]);
  });

  it("is none where GitHub knows no person by the token, or cannot be asked", async () => {
    const ci = await token("ci");
    await applyAsking({});
    const waiting = await asked();
    const closed = await startGithub({});
    const { url } = closed;
    await closed.stop();
    const cases: readonly (readonly [Variables, number, string])[] = [
      [at(TOKENS.app), 4, "GITHUB_NO_PERSON: the token in GITHUB_TOKEN has no user"],
      [at(TOKENS.bot), 4, "GITHUB_NO_PERSON: the token in GITHUB_TOKEN is of an account of the type Bot"],
      [at("ghp_nobody"), 1, "GITHUB_AUTH: Could not ask who the token is: the token is not accepted"],
      [{ GITHUB_TOKEN: TOKENS.ben, GITHUB_API_URL: url }, 1, "GITHUB_UNAVAILABLE"],
      [{}, 64, "`--github` needs GITHUB_TOKEN"],
      [at(TOKENS.ben, { GITHUB_API_URL: "http://ghe.example.com/api/v3" }), 64, "must be an https:// address"],
      [at(TOKENS.ben, { GITHUB_API_URL: "nonsense" }), 64, "must be an https:// address"],
      [at(TOKENS.ben, { COUNTWHEEL_TOKEN: ci }), 64, "is another identity: which?"],
      [at(TOKENS.ben, { COUNTWHEEL_TOKEN: "" }), 64, "is another identity: which?"],
    ];
    for (const [variables, code, why] of cases) {
      for (const word of ["approve", "deny"]) {
        const refused = await run([word, waiting.name, "--github"], variables);
        expect([refused.code, refused.err, refused.out]).toEqual([code, expect.stringContaining(why), ""]);
      }
      expect((await run(["run", "one", "--github"], variables)).code).toBe(code);
    }
    const faults: readonly (readonly [object, string])[] = [
      [{ status: 500 }, "GitHub is unavailable, it answered 500"],
      [{ status: 429, headers: { "retry-after": "60" } }, "GitHub's rate limit is reached"],
      [{ status: 403, headers: { "x-ratelimit-remaining": "0" } }, "GitHub's rate limit is reached"],
      [{ status: 200 }, "what answered is not GitHub's API"],
      [{ status: 404 }, "GITHUB_NOT_FOUND"],
    ];
    for (const [fault, why] of faults) {
      github.fail({ method: "GET", path: /^\/user$/, times: 1, status: 500, ...fault });
      const refused = await run(["approve", waiting.name, "--github"], at(TOKENS.ben));
      expect([refused.code, refused.err]).toEqual([1, expect.stringContaining(why)]);
    }
    expect(await standing(waiting)).toEqual(["Pending", undefined]);
  });
});

describe("a task that was run with --github", () => {
  it("may not be approved by who ran it, under a new login neither, where the rule wants another", async () => {
    await applyAsking({ not_requester: true });
    const waiting = await asked(at(TOKENS.eve), ["--github"]);
    const own = await run(["approve", waiting.name, "--github"], at(TOKENS.eve));
    expect([own.code, own.err]).toEqual([4, expect.stringContaining(`${user("eve")} asked for the task`)]);
    github.state.ids.set("ben", github.state.idOf("eve"));
    const renamed = await run(["approve", waiting.name, "--github"], at(TOKENS.ben));
    expect([renamed.code, renamed.err]).toEqual([4, expect.stringContaining(`by the name ${user("eve")}`)]);
    github.state.ids.delete("ben");
    github.state.ids.set("ben", 77);
    expect((await run(["approve", waiting.name, "--github"], at(TOKENS.ben))).code).toBe(0);
    expect((await here.world.ended(waiting.ref)).phase).toBe("Succeeded");
  });
});

describe("a suspension with --github", () => {
  it("is that of the user whom GitHub names", async () => {
    await applyAsking({});
    const suspended = await run(["suspend", "--github", "--as", "Benny", "-o", "json"], at(TOKENS.ben));
    expect(JSON.parse(suspended.out)).toMatchObject({ suspension: { by: `${user("Ben")} (Benny)` } });
    expect((await run(["resume", "--github"], at(TOKENS.app))).code).toBe(4);
    expect((await run(["resume", "--github"], at(TOKENS.eve))).code).toBe(0);
  });
});
