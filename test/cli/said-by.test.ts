// Who cancels, retries, resolves, suspends and resumes: whoever holds the token that is set, within what it was made for.
import { expect, it } from "vitest";
import { agent, manifest, mockModel, system } from "../runner/world.ts";
import { holding, useAskingWorld } from "./asking-world.ts";

const { here, run, token } = useAskingWorld();

/** A task whose tool is ended in the midst of a write: nobody knows whether it happened. */
async function inDoubt() {
  const { world } = here;
  await world.apply([
    agent("a", { tools: ["die"] }),
    system("one", ["a"]),
    mockModel("mock", [{ turn: 1, call: [{ tool: "die", arguments: {} }] }, { say: "done" }]),
    manifest("Tool", "die", { type: "cli", effect: "write", cli: { command: "/bin/sh", args: ["-c", "kill -9 $$"] } }),
  ]);
  await world.runner();
  const { out } = await run(["run", "one"]);
  const ref = { env: world.env, namespace: "default", name: out.trim() };
  await world.until(ref, ({ phase }) => phase === "Unknown");
  const told = async (type: string) =>
    (await world.trace(ref)).filter((event) => event.type === type).map(({ by }) => by);
  return { ref, told };
}

it("stands in the trace of a task as the token's holder, whom flags do not make", async () => {
  const [judge, ci] = [await token("judge", "--allow", "approve"), await token("ci", "--allow", "run")];
  const { ref, told } = await inDoubt();
  const refused = [
    await run(["resolve", ref.name, "--fail"], holding(ci)),
    await run(["cancel", ref.name], holding(judge)),
    await run(["retry", ref.name], holding(judge)),
    await run(["cancel", ref.name], holding("")),
  ];
  expect(refused.map(({ code, err }) => [code, err.slice(0, err.indexOf(":"))])).toEqual([
    [4, "API_TOKEN_NOT_ALLOWED"],
    [4, "API_TOKEN_NOT_ALLOWED"],
    [4, "API_TOKEN_NOT_ALLOWED"],
    [4, "API_TOKEN_REFUSED"],
  ]);
  expect((await run(["resolve", ref.name, "--fail", "--as", "token:ci"])).code).toBe(64);
  expect((await run(["resolve", ref.name, "--fail"], holding(judge))).code).toBe(0);
  await here.world.until(ref, ({ phase }) => phase === "Failed");
  expect(await told("approval.decided")).toEqual(["token:judge"]);
  expect((await run(["retry", ref.name, "--as", "Ada"], holding(ci))).code).toBe(0);
  await here.world.until(ref, ({ phase }) => phase === "Unknown");
  expect(await told("retry.scheduled")).toEqual(["token:ci (Ada)"]);
  expect((await run(["cancel", ref.name], holding(ci))).code).toBe(0);
  expect((await here.world.ended(ref)).phase).toBe("Cancelled");
  expect(await told("task.cancelled")).toEqual(["token:ci"]);
});

it("stands at a suspension as the token's holder, or as whoever they say they are", async () => {
  const [ops, ci] = [await token("ops", "--allow", "apply"), await token("ci", "--allow", "run")];
  await here.world.apply([mockModel("mock")]);
  const suspend = (...more: readonly string[]) => ["suspend", "-o", "json", ...more];
  expect((await run(suspend(), holding(ci))).code).toBe(4);
  const suspended = await run(suspend(), holding(ops));
  expect(JSON.parse(suspended.out)).toMatchObject({ suspension: { by: "token:ops" } });
  expect((await run(["resume"], holding(ci))).code).toBe(4);
  expect((await run(["resume"], holding(ops))).code).toBe(0);
  expect(JSON.parse((await run(suspend("--as", "Ada"))).out)).toMatchObject({ suspension: { by: "Ada" } });
});
