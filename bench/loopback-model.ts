// An OpenAI-compatible server that answers at once, as a process of its own: asks for a tool until it sees a tool's
// result. Prints its address. To a GET it tells all that it was asked, each body once.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

const call = { id: "call_1", type: "function", function: { name: "memory_read", arguments: '{"key":"topic"}' } };
const CALLS = answersOf({ role: "assistant", content: "I look it up.", tool_calls: [call] }, "tool_calls");
const ENDS = answersOf({ role: "assistant", content: "It is done." }, "stop");

const asked = new Set<string>();

const server = createServer((request, response) => {
  if (request.method === "GET") return void response.end(JSON.stringify([...asked]));
  let body = "";
  request.setEncoding("utf8");
  request.on("data", (part: string) => {
    body += part;
  });
  request.once("end", () => {
    asked.add(body);
    const { whole, stream } = body.includes('"role":"tool"') ? ENDS : CALLS;
    const streams = body.includes('"stream":true');
    response.setHeader("Content-Type", streams ? "text/event-stream" : "application/json");
    response.end(streams ? stream : whole);
  });
});
server.listen(0, "127.0.0.1");
await once(server, "listening");
process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}/v1\n`);

/** The same answer as one body, and for whoever asks for a stream. */
function answersOf(message: Readonly<Record<string, unknown>>, reason: string): { whole: string; stream: string } {
  const usage = { prompt_tokens: 20, completion_tokens: 5, total_tokens: 25 };
  const head = { id: "chatcmpl-1", created: 1, model: "loop-1" };
  const choice = { index: 0, finish_reason: reason };
  const calls = message["tool_calls"] as readonly object[] | undefined;
  const delta = calls === undefined ? message : { ...message, tool_calls: calls.map((one) => ({ index: 0, ...one })) };
  const parts = [
    { choices: [{ index: 0, delta, finish_reason: null }] },
    { choices: [{ ...choice, delta: {} }] },
    { choices: [], usage },
  ];
  const lines = parts.map(
    (part) => `data: ${JSON.stringify({ ...head, object: "chat.completion.chunk", ...part })}\n\n`,
  );
  return {
    whole: JSON.stringify({ ...head, object: "chat.completion", choices: [{ ...choice, message }], usage }),
    stream: `${lines.join("")}data: [DONE]\n\n`,
  };
}
