// A command that is stopped before it has an answer: it says so, and leaves no connection open that would keep its process.
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { runWords } from "../../cli/run-words.ts";
import { closeRedis, connectRedis, type Redis } from "../../store/connect.ts";
import { describeWithRedis, type TestRedis, testRedis } from "../redis.ts";
import { type Listener, listenIn } from "./manifests.ts";

describeWithRedis("a plan that is stopped", () => {
  let server: TestRedis;
  let redis: Redis;
  let here: Listener;
  beforeAll(async () => {
    server = await testRedis();
    redis = connectRedis(server.url, "command");
  });
  afterAll(async () => {
    await closeRedis(redis);
    await server.stop();
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
