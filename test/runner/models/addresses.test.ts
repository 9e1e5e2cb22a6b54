// Where a model may be reached: a name that leads inside is refused before anything is sent, unless its manifest says so.
import type { LookupAddress } from "node:dns";
import type { IncomingMessage, ServerResponse } from "node:http";
import { describe, expect, test } from "vitest";
import { answerJson, serve } from "../tools/http-server.ts";
import { open, request } from "./requests.ts";

const NEVER = new AbortController().signal;
const leadsTo = (address: string) => async (): Promise<LookupAddress[]> => [{ address, family: 4 }];

function answerBoth(response: ServerResponse): void {
  const usage = { input_tokens: 1, output_tokens: 1, prompt_tokens: 1, completion_tokens: 1 };
  const choices = [{ message: { role: "assistant", content: "hello" }, finish_reason: "stop" }];
  answerJson(response, 200, { model: "m", usage, choices });
}

const OPENAI = { provider: "openai-compatible", options: { stream: "false" } };

describe.each(["anthropic", "openai-compatible"])("%s", (provider) => {
  const refused = { code: "MODEL_ADDRESS_REFUSED", name: "PermanentFailure" };

  test.each([
    ["127.0.0.1", false],
    ["10.1.2.3", false],
    ["169.254.169.254", false],
    ["169.254.169.254", true],
  ])("refuses a name that leads to %s (allow_private: %s), and sends nothing", async (address, allowed) => {
    const server = await serve(answerBoth);
    const spec = { provider, base_url: `http://models.test:${server.port}`, allow_private: allowed };
    const model = await open(spec, "sk-canary", leadsTo(address));
    const failure = await model.complete(request("hi"), NEVER).catch((error: unknown) => error);
    expect(failure).toMatchObject({ ...refused, details: { host: "models.test", address } });
    expect(String(failure)).toContain("allow_private: true");
    expect(server.asked).toEqual([]);
  });

  test("refuses an address of the metadata service that a manifest names itself", async () => {
    const model = await open({ provider, base_url: "http://169.254.169.254", allow_private: true });
    await expect(model.complete(request("hi"), NEVER)).rejects.toMatchObject(refused);
  });

  test("follows no redirect: its key goes nowhere else", async () => {
    const other = await serve(answerBoth);
    const server = await serve((response) => {
      response.writeHead(307, { Location: `${other.url}/v1` });
      response.end();
    });
    const model = await open({ provider, base_url: server.url });
    await expect(model.complete(request("hi"), NEVER)).rejects.toMatchObject({ code: "MODEL_UNAVAILABLE" });
    expect([server.asked.length, other.asked.length]).toEqual([1, 0]);
  });
});

test.each([
  ["says `allow_private`", { ...OPENAI, allow_private: true }, "models.test"],
  ["is Ollama's", { provider: "ollama", options: { stream: "false" } }, "gpu-box.test"],
  ["is one that its runner trusts", OPENAI, "trusted.test"],
])("asks a model inside whose manifest or name %s", async (_, spec, host) => {
  const server = await serve(answerBoth);
  const model = await open({ ...spec, base_url: `http://${host}:${server.port}/v1` }, "", leadsTo("127.0.0.1"));
  expect(await model.complete(request("hi"), NEVER)).toMatchObject({ text: "hello" });
});

test("keeps its connections for the next calls, and takes others where those were closed", async () => {
  const sockets = new Set<IncomingMessage["socket"]>();
  const server = await serve((response, { body }, { socket }) => {
    sockets.add(socket);
    if (body.includes("last words")) response.setHeader("Connection", "close");
    answerBoth(response);
  });
  const model = await open({ ...OPENAI, base_url: server.url });
  const ask = async (text: string) => (await model.complete(request(text), NEVER)).text;
  for (let call = 0; call < 10; call += 1) expect(await ask("again")).toBe("hello");
  // A connection whose answer has only just ended is not taken at once.
  const kept = sockets.size;
  expect(kept).toBeLessThanOrEqual(2);
  for (let call = 0; call < 3; call += 1) expect(await ask("last words")).toBe("hello");
  expect(await ask("one more")).toBe("hello");
  expect(sockets.size).toBeGreaterThan(kept);
});
