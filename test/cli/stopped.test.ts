// A command that is stopped before it has an answer: it says so, and leaves no connection open that would keep its process.
import { afterEach, beforeEach, expect, it } from "vitest";
import { runWords } from "../../cli/run-words.ts";
import type { Redis } from "../../store/connect.ts";
import { describeWithRedis, type TestRedis, withRedis } from "../redis.ts";
import { type Listener, listenIn } from "./manifests.ts";

describeWithRedis("a plan that is stopped", () => {
  let server: TestRedis;
  let redis: Redis;
  let here: Listener;
  withRedis((opened, on) => {
    [redis, server] = [opened, on];
  });
  beforeEach(async () => {
    here = await listenIn({ "agents/m.yaml": "kind: ModelEndpoint\nmetadata: {name: m}\nspec: {default_model: m}\n" });
  });
  afterEach(() => here.remove());

  const clients = async (): Promise<number> =>
    String(await redis.call("CLIENT", "LIST"))
      .trim()
      .split("\n").length;

  it.each([
    ["text", ""],
    ["json", '"code": "STOPPED"'],
  ])("says so as %s, is no bug, and closes what it opened", async (output, said) => {
    const before = await clients();
    const host = { ...here.host, signal: AbortSignal.abort("SIGINT") };
    expect(await runWords(host, ["plan", "agents", "--redis", server.url, "-o", output])).toBe(1);
    expect(here.told.err).toBe("STOPPED: the command was stopped before it had an answer\n");
    expect(here.told.out).toContain(said);
    await expect.poll(clients).toBe(before);
  });
});
