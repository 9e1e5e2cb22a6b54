// A push that cannot be planned stays out, unless the repository's owner said otherwise: never because the pusher did.
import { afterEach, beforeEach, expect, it } from "vitest";
import { runGit } from "../../git.ts";
import { model, type PushRoom, pushRoom } from "../push-room.ts";

let room: PushRoom;
beforeEach(async () => {
  // Nothing listens there.
  room = await pushRoom("redis://127.0.0.1:1");
  await room.install();
});
afterEach(() => room.remove());

it("refuses while the Redis cannot be reached, says why, and who may change that", async () => {
  const { code, text } = await room.push("origin", "main");
  expect(code).toBe(1);
  expect(text).toContain("remote: REDIS_UNAVAILABLE:");
  expect(text).toContain(`git config countwheel.${room.env}.onUnavailable accept`);
  expect(await room.repository.git("ls-remote", "origin")).toBe("");
});

it("takes no such word from the pusher", async () => {
  const key = `countwheel.${room.env}.onUnavailable`;
  const receive = `git -c ${key}=accept receive-pack`;
  const { code } = await room.push(`--receive-pack=${receive}`, "origin", "main");
  expect(code).toBe(1);
});

it("lets it in where the owner says so, applies nothing, and names the command that does", async () => {
  await room.install("--on-unavailable", "accept");
  const { code, text } = await room.push("origin", "main");
  expect(code).toBe(0);
  expect(text).toContain("remote: Let in unplanned");
  expect(text).toMatch(/remote: Next: .*countwheel apply --repo .*remote\.git --ref main/);
  expect(text).not.toContain("Applied");
});

it("keeps invalid manifests out all the same", async () => {
  await room.install("--on-unavailable", "accept");
  await room.repository.commit({ "agents/n.yaml": model("n").replace("spec", "spek") });
  const { code, text } = await room.push("origin", "main");
  expect(code).toBe(1);
  expect(text).toContain("remote: agents/n.yaml:3:1: UNKNOWN_FIELD");
});

it("refuses a directory that is not there, which is not an empty one", async () => {
  await room.repository.git("mv", "agents", "elsewhere");
  await room.repository.commit({});
  const { code, text } = await room.push("origin", "main");
  expect(code).toBe(1);
  expect(text).toMatch(/PATH_NOT_FOUND|REDIS_UNAVAILABLE/);
});

it("refuses where a setting of the hook cannot be", async () => {
  await runGit(room.repository.bare, ["config", `countwheel.${room.env}.onUnavailable`, "perhaps"]);
  const { code, text } = await room.push("origin", "main");
  expect(code).toBe(1);
  expect(text).toContain("HOOK_MISCONFIGURED");
});
