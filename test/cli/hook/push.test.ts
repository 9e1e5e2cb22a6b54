// Deploying with `git push` to a bare repository: real pushes, real hooks, what the pusher reads and what the state holds.
import { chmod } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { describeWithRedis } from "../../redis.ts";
import { model, models, usePushRoom } from "../push-room.ts";

describeWithRedis("git push to a bare repository", () => {
  const here = usePushRoom();

  it("shows the plan and applies it", async () => {
    const { room } = here;
    await room.install();
    const { code, text } = await room.push("origin", "main");
    expect(code).toBe(0);
    expect(text).toContain("remote:   + ModelEndpoint/m   agents/m.yaml:1");
    expect(text).toContain("remote: Plan: 1 to create, 0 to update, 0 to move, 0 to prune.");
    expect(text).toContain(`remote: Applied to environment ${room.env} as #1`);
    expect(await room.applied()).toEqual(["m"]);
  });

  it("takes a push over file:// as well", async () => {
    const { room } = here;
    await room.install();
    expect((await room.push(`file://${room.repository.bare}`, "main")).text).toContain("Applied to");
  });

  it("says nothing where nothing changed", async () => {
    const { room } = here;
    await room.deploy();
    await room.repository.commit({ README: "more" });
    const { code, text } = await room.push("origin", "main");
    expect(code).toBe(0);
    expect(text).not.toContain("remote:");
  });

  it("names whoever pushed in the history, and that it was the hook, not whom the commit names", async () => {
    const { room } = here;
    await room.install();
    await room.push("origin", "main");
    const { stdout } = await room.room.run("history", "--env", room.env);
    expect(stdout).toMatch(/ \(by hook\) /);
    expect(stdout).not.toMatch(/Ada|Carl/);
  });

  it("leaves other branches, tags and their deletion alone", async () => {
    const { room } = here;
    await room.install();
    const others = ["main:refs/heads/other", "main:refs/tags/v1"];
    expect(await room.push("origin", ...others)).toMatchObject({
      code: 0,
      text: expect.not.stringContaining("remote:"),
    });
    expect(await room.push("origin", ":other", ":v1")).toMatchObject({ code: 0 });
    expect(await room.applied()).toEqual([]);
  });

  it("keeps out the whole push where one of its refs is refused", async () => {
    const { room } = here;
    await room.install();
    await room.repository.commit({ "agents/m.yaml": "kind: ModelEndpoint\n" });
    expect((await room.push("origin", "main", "main:refs/heads/other")).code).toBe(1);
    expect(await room.repository.git("ls-remote", "origin")).toBe("");
  });

  it("refuses a commit with invalid manifests, on the line", async () => {
    const { room } = here;
    await room.deploy();
    await room.repository.commit({ "agents/n.yaml": model("n").replace("spec", "spek") });
    const { code, text } = await room.push("origin", "main");
    expect(code).toBe(1);
    expect(text).toContain("remote: agents/n.yaml:3:1: UNKNOWN_FIELD");
    expect(text).toContain("remote: MANIFESTS_INVALID:");
    expect(text).toContain("pre-receive hook declined");
    expect(await room.applied()).toEqual(["m"]);
  });

  it("refuses the deletion of a deploy branch", async () => {
    const { room } = here;
    await room.deploy();
    const { code, text } = await room.push("origin", ":main");
    expect(code).toBe(1);
    expect(text).toContain("remote: DEPLOY_BRANCH: refs/heads/main is the deploy branch");
  });

  it("waits for the exact number of prunes, and names the command that says it", async () => {
    const { room } = here;
    await room.repository.commit(models(11));
    await room.deploy();
    await room.repository.commit(Object.fromEntries(Object.keys(models(11)).map((path) => [path, null])));
    const refused = await room.push("origin", "main");
    expect(refused.code).toBe(1);
    expect(refused.text).toContain("remote: PRUNES_NOT_CONFIRMED:");
    expect(refused.text).toContain("remote: Next: git push -o confirm-prunes=11");
    expect((await room.push("-o", "confirm-prunes=12", "origin", "main")).code).toBe(1);
    expect((await room.push("-o", "confirm-prunes=11", "origin", "main")).text).toContain("Applied to");
    expect(await room.applied()).toEqual(["m"]);
  });

  it("refuses a push option that looks like a slip, and passes over one that is another hook's", async () => {
    const { room } = here;
    await room.install();
    const slip = await room.push("-o", "confirm-prune=1", "origin", "main");
    expect(slip.code).toBe(1);
    expect(slip.text).toContain("did you mean `confirm-prunes`?");
    const word = await room.push("-o", "confirm-prunes=some", "origin", "main");
    expect(word.text).toContain("`some` is no whole number");
    const other = await room.push("-o", "ci.skip", "origin", "main");
    expect(other).toMatchObject({ code: 0, text: expect.stringContaining("`ci.skip` is none of Countwheel's") });
  });

  it("refuses a branch without the commit that was applied last, until the pusher says that it was meant", async () => {
    const { room } = here;
    await room.repository.commit({ "agents/n.yaml": model("n") });
    await room.deploy();
    await room.repository.git("reset", "--quiet", "--hard", "HEAD~1");
    await room.repository.commit({ "agents/o.yaml": model("o") });
    const refused = await room.push("--force", "origin", "main");
    expect(refused.code).toBe(1);
    expect(refused.text).toContain("remote: HISTORY_HELD: the branch has a rewritten history");
    expect(refused.text).toContain("git push --force -o allow-history=forced");
    await room.push("--force", "-o", "allow-history=forced", "origin", "main");
    expect(await room.applied()).toEqual(["m", "o"]);
  });

  it("refuses an unrelated history, and takes what somebody has resumed", async () => {
    const { room } = here;
    await room.deploy();
    await room.repository.git("checkout", "--quiet", "--orphan", "anew");
    await room.repository.commit({ "agents/n.yaml": model("n") });
    expect((await room.push("--force", "origin", "anew:main")).text).toContain(
      "HISTORY_HELD: the branch has an unrelated",
    );
    await room.room.run("resume", "--env", room.env);
    expect((await room.push("--force", "origin", "anew:main")).text).toContain("Applied to");
  });

  it("lets nothing out of a manifest or a message speak to the pusher's terminal", async () => {
    const { room } = here;
    await room.install();
    const hostile = "\u001b[2J\u001b]0;pwned\u0007\u202e";
    const broken = `kind: ModelEndpoint\nmetadata: {name: n}\nspec: {provider: mock, default_model: mock, x: "${hostile}"}\n`;
    await room.repository.commit({ "agents/n.yaml": broken, "agents/o.yaml": model("o") }, `subject ${hostile}`);
    const { text } = await room.push("origin", "main");
    expect(text).toContain("agents/n.yaml");
    expect(["\u001b", "\u0007", "\u202e"].filter((unseen) => text.includes(unseen))).toEqual([]);
  });

  it("runs nothing that a ref is named after", async () => {
    const { room } = here;
    await room.install();
    const name = "refs/heads/$(touch${IFS}pwned)`touch${IFS}pwned`';touch${IFS}pwned;'\"";
    expect((await room.push("origin", `main:${name}`, "main")).code).toBe(0);
    expect(await room.repository.git("ls-remote", "origin")).toContain("touch");
    expect(await room.applied()).toEqual(["m"]);
    await expect(chmod(join(room.repository.bare, "pwned"), 0o600)).rejects.toThrow("ENOENT");
  });

  it("judges a push by the settings of the commit before it", async () => {
    const { room } = here;
    const settings = (count: number) =>
      `environments: {${room.env}: {prunes: {max_count: ${count}, max_percent: 100}}}\n`;
    await room.repository.commit({ ...models(3), "countwheel.yaml": settings(1) });
    await room.deploy();
    const gone = { "agents/m0.yaml": null, "agents/m1.yaml": null };
    await room.repository.commit({ ...gone, "countwheel.yaml": settings(10) });
    expect((await room.push("origin", "main")).text).toContain("PRUNES_NOT_CONFIRMED");
  });

  it("refuses any change to an environment that waits for a person before each apply", async () => {
    const { room } = here;
    await room.install();
    await room.repository.commit({ "countwheel.yaml": `environments: {${room.env}: {path: agents, gate: person}}\n` });
    const { code, text } = await room.push("origin", "main");
    expect([code, text]).toEqual([1, expect.stringContaining("remote: APPLY_NOT_RELEASED: this environment waits")]);
    expect(await room.applied()).toEqual([]);
  });

  it("refuses a commit whose countwheel.yaml is broken", async () => {
    const { room } = here;
    await room.install();
    await room.repository.commit({ "countwheel.yaml": "environments: {a: {prunse: {}}}\n" });
    const { code, text } = await room.push("origin", "main");
    expect(code).toBe(1);
    expect(text).toContain("remote: countwheel.yaml:1:20: UNKNOWN_FIELD");
    expect(text).toContain("remote: SETTINGS_INVALID");
  });

  it("refuses what a guard blocks", async () => {
    const { room } = here;
    const guarded = model("n").replace("}", ', annotations: {countwheel.dev/prevent-prune: "true"}}');
    await room.repository.commit({ "agents/n.yaml": guarded });
    await room.deploy();
    await room.repository.commit({ "agents/n.yaml": null, "agents/o.yaml": model("o") });
    const { code, text } = await room.push("origin", "main");
    expect(code).toBe(1);
    expect(text).toContain("remote: PLAN_BLOCKED: a guard blocks ModelEndpoint/n (PREVENT_PRUNE");
    expect(text).toContain("remote: Next: countwheel explain PREVENT_PRUNE");
  });

  it("refuses changes while the environment is suspended, and takes what changes nothing", async () => {
    const { room } = here;
    await room.deploy();
    await room.room.run("suspend", "--env", room.env, "--reason", "audit");
    await room.repository.commit({ README: "more" });
    expect(await room.push("origin", "main")).toMatchObject({ code: 0 });
    await room.repository.commit({ "agents/n.yaml": model("n") });
    const { code, text } = await room.push("origin", "main");
    expect(code).toBe(1);
    expect(text).toContain(`remote: Next: countwheel resume --env ${room.env}, then git push`);
  });

  it("plans each environment of a branch, and takes a number for each", async () => {
    const { room } = here;
    await room.install();
    const other = `${room.env}-b`;
    await room.room.run("hook", "install", room.repository.bare, "--env", other);
    await room.repository.commit(models(11));
    await room.push("origin", "main");
    expect(await room.applied(other)).toEqual(await room.applied());
    await room.repository.commit(Object.fromEntries(Object.keys(models(11)).map((path) => [path, null])));
    const refused = await room.push("origin", "main");
    expect(refused.text).toContain(`-o confirm-prunes=${room.env}:11`);
    expect(refused.text).toContain(`-o confirm-prunes=${other}:11`);
    const numbers = [room.env, other].flatMap((env) => ["-o", `confirm-prunes=${env}:11`]);
    await room.push(...numbers, "origin", "main");
    expect(await room.applied(other)).toEqual(["m"]);
  });
});
