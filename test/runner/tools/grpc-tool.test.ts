// Tools of type grpc against a real server on loopback: what is sent, what each status comes to, where a call must not lead.
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData, status } from "@grpc/grpc-js";
import protobuf from "protobufjs";
import { afterEach, describe, expect, it } from "vitest";
import { callGrpcTool } from "../../../runner/tools/grpc/grpc-tool.ts";
import type { ToolCallContext } from "../../../runner/tools/tool.ts";
import { childProgram } from "../../children.ts";
import { answerJson, serve } from "./http-server.ts";
import { callContext, contractSource, KEY, type Means } from "./remote-source.ts";

const run = promisify(execFile);
const PROTO = `syntax = "proto3";
package orders.v1;
import "google/protobuf/timestamp.proto";
enum Kind { ANY = 0; OPEN = 1; }
message Line { string item = 1; int32 count = 2; }
message Find { string word = 1; repeated Line lines = 2; Kind kind = 3; int64 since = 4; map<string, bool> flags = 5; bytes blob = 6; }
message Found { repeated string ids = 1; int64 total = 2; Kind kind = 3; google.protobuf.Timestamp at = 4; }
service Orders { rpc Find (Find) returns (Found); rpc Watch (Find) returns (stream Found); }`;
const TYPES = new protobuf.Root();
TYPES.addJSON(protobuf.common.get("google/protobuf/timestamp.proto")?.nested ?? {});
protobuf.parse(PROTO, TYPES, { keepCase: true });

type Answer = (call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => void;

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** Answers every method of `path` with bytes. */
async function start(
  path: string,
  answer: Answer,
): Promise<{ port: number; asked: ServerUnaryCall<Buffer, Buffer>[] }> {
  const asked: ServerUnaryCall<Buffer, Buffer>[] = [];
  const server = new Server();
  const same = (bytes: Buffer): Buffer => bytes;
  const method = {
    path,
    requestStream: false,
    responseStream: false,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  };
  server.addService(
    { call: method },
    {
      call: (call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => {
        asked.push(call);
        answer(call, done);
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  closers.push(() => server.forceShutdown());
  return { port, asked };
}

const ORDERS = { proto: PROTO, service: "orders.v1.Orders", method: "Find", plaintext: true };
const FIND = "/orders.v1.Orders/Find";

function call(
  port: number,
  args: Readonly<Record<string, unknown>>,
  spec: Readonly<Record<string, unknown>> = {},
  context: Partial<ToolCallContext> = {},
  means: Means = {},
) {
  const whole = { type: "grpc", endpoint: `127.0.0.1:${port}`, grpc: ORDERS, runtime: { timeout: "10s" }, ...spec };
  return callGrpcTool(contractSource(whole, means), args, callContext(context));
}

const failure = ({ name, code, message, details }: Error & { code: string; details: unknown }) => ({
  name,
  code,
  message,
  details,
});

describe("a tool of type grpc", () => {
  it("is called by its own messages, with credentials and key beside them", async () => {
    const found = TYPES.lookupType("orders.v1.Found");
    const server = await start(FIND, (_, done) => {
      const answer = { ids: ["A-7"], total: "9007199254740993", kind: 1, at: { seconds: 5, nanos: 0 } };
      done(null, Buffer.from(found.encode(found.fromObject(answer)).finish()));
    });
    const args = {
      word: "bells",
      lines: [{ item: "bell", count: 2 }],
      kind: "OPEN",
      since: "9007199254740993",
      flags: { a: true },
      blob: "aGk=",
    };
    const result = await call(server.port, args, { auth: { secret_ref: "key" } });
    expect(result.isError).toBe(false);
    expect(JSON.parse(result.text)).toEqual({
      ids: ["A-7"],
      total: "9007199254740993",
      kind: "OPEN",
      at: { seconds: "5", nanos: 0 },
    });
    const [asked] = server.asked;
    expect(asked?.metadata.getMap()).toMatchObject({ authorization: "Bearer s3cret", "idempotency-key": KEY });
    const type = TYPES.lookupType("orders.v1.Find");
    expect(
      type.toObject(type.decode(asked?.request ?? Buffer.alloc(0)), { longs: String, enums: String, bytes: String }),
    ).toEqual(args);
  });

  it("speaks the tool contract where it has no proto", async () => {
    const server = await start("/orloj.tool.v1.ToolService/Execute", (asked, done) => {
      const { request_id, input, agent } = JSON.parse(asked.request.toString("utf8"));
      done(null, Buffer.from(JSON.stringify({ status: "ok", request_id, output: { input, agent } })));
    });
    const answer = await call(server.port, { query: "bells" }, { grpc: { plaintext: true } });
    expect(answer).toEqual({ text: '{"input":{"query":"bells"},"agent":"clerk"}', isError: false });
  });

  it.each([
    [{ word: 7 }, "`word` must be of type string"],
    [{ wrod: "x" }, "`wrod` is no field of Find"],
    [{ lines: [{ item: "a", count: "7 days" }] }, "`lines.0.count` must be of type int32"],
    [{ lines: { item: "a" } }, "`lines` must be a list"],
    [{ kind: "CLOSED" }, "`kind` must be one of ANY, OPEN"],
    [{ since: 2 ** 60 }, "`since` must be of type int64"],
    [{ flags: { a: "yes" } }, "`flags.a` must be of type bool"],
    [{ blob: "no base64!" }, "`blob` must be of type bytes"],
  ])("is not called with %j", async (args, why) => {
    const server = await start(FIND, (_, done) => done(null, Buffer.alloc(0)));
    expect(await call(server.port, args).catch(failure)).toMatchObject({
      name: "PermanentFailure",
      code: "TOOL_ARGUMENTS_INVALID",
      message: `Tool default/orders.find: ${why}`,
    });
    expect(server.asked).toEqual([]);
  });

  it.each([
    ["INVALID_ARGUMENT", undefined],
    ["NOT_FOUND", undefined],
    ["UNAUTHENTICATED", "PermanentFailure TOOL_AUTH"],
    ["PERMISSION_DENIED", "PermanentFailure TOOL_AUTH"],
    ["UNIMPLEMENTED", "PermanentFailure TOOL_NOT_PROVIDED"],
    ["UNAVAILABLE", "TransientFailure TOOL_UNAVAILABLE"],
    ["RESOURCE_EXHAUSTED", "TransientFailure TOOL_UNAVAILABLE"],
    ["ABORTED", "TransientFailure TOOL_UNAVAILABLE"],
    ["INTERNAL", "TransientFailure TOOL_UNAVAILABLE"],
    ["UNKNOWN", "TransientFailure TOOL_UNAVAILABLE"],
    ["CANCELLED", "TransientFailure TOOL_UNAVAILABLE"],
    ["DEADLINE_EXCEEDED", "TransientFailure TOOL_TIMEOUT"],
  ] as const)("that answers %s comes to %s", async (name, expected) => {
    const server = await start(FIND, (_, done) => done({ code: status[name], details: "no" }));
    const came = await call(server.port, {}).catch(failure);
    if (expected === undefined) expect(came).toEqual({ text: `${name}: no`, isError: true });
    else expect("name" in came ? `${came.name} ${came.code}` : came).toBe(expected);
    // Whatever went wrong, it was called: a write may have happened.
    expect("details" in came ? came.details : {}).not.toHaveProperty("effect");
    expect(server.asked).toHaveLength(1);
  });

  it("fetches a new token once where the first is refused", async () => {
    let given = 0;
    const giver = await serve((response) => {
      given += 1;
      answerJson(response, 200, { access_token: `t${given}`, token_type: "Bearer", expires_in: 3_600 });
    });
    const server = await start(FIND, ({ metadata }, done) =>
      metadata.get("authorization")[0] === "Bearer t2"
        ? done(null, Buffer.alloc(0))
        : done({ code: status.UNAUTHENTICATED, details: "old" }),
    );
    const auth = { profile: "oauth2_client_credentials", secret_ref: "app", token_url: `${giver.url}/token` };
    const secrets = { "app:client_id": "me", "app:client_secret": "s3cret" };
    expect(await call(server.port, {}, { auth }, {}, { secrets })).toMatchObject({ isError: false });
    expect([given, server.asked.length]).toEqual([2, 2]);
  });

  it("gives up at its time-out, where it is aborted, and where an answer is too long or is none", async () => {
    const hangs = await start(FIND, () => undefined);
    const late = await call(hangs.port, {}, { runtime: { timeout: "200ms" } }).catch(failure);
    expect(late).toMatchObject({ name: "TransientFailure", code: "TOOL_TIMEOUT", details: {} });
    const abort = new AbortController();
    const reason = new Error("lease lost");
    let isCancelled = (): void => undefined;
    const cancelled = new Promise<void>((resolve) => {
      isCancelled = resolve;
    });
    const stopped = await start(FIND, (asked) => {
      asked.on("cancelled", isCancelled);
      abort.abort(reason);
    });
    const spec = { runtime: { timeout: "10m" } };
    await expect(call(stopped.port, {}, spec, { signal: abort.signal })).rejects.toBe(reason);
    await cancelled;
    const floods = await start(FIND, (_, done) => done(null, Buffer.alloc(9 * 1024 * 1024)));
    expect(await call(floods.port, {}).catch(failure)).toMatchObject({
      name: "TransientFailure",
      code: "TOOL_UNAVAILABLE",
    });
    const babbles = await start(FIND, (_, done) => done(null, Buffer.from("no message")));
    expect(await call(babbles.port, {}).catch(failure)).toMatchObject({
      name: "TransientFailure",
      code: "TOOL_ANSWER_INVALID",
    });
  });

  it("sends nothing where nobody is there, where TLS is not spoken, or where the lease is gone", async () => {
    const none = await call(1, {}).catch(failure);
    expect(none).toMatchObject({ code: "HOST_UNREACHABLE", details: { effect: "none" } });
    const server = await start(FIND, (_, done) => done(null, Buffer.alloc(0)));
    const tls = await call(server.port, {}, { grpc: { ...ORDERS, plaintext: false } }).catch(failure);
    expect(tls).toMatchObject({ code: "HOST_UNREACHABLE", details: { effect: "none" } });
    const gone = new Error("the lease is gone");
    const checkLease = (): void => {
      throw gone;
    };
    await expect(call(server.port, {}, {}, { checkLease })).rejects.toBe(gone);
    expect(server.asked).toEqual([]);
  });

  it("is not reached at a private address behind a name, nor without TLS at a public one", async () => {
    let connections = 0;
    const silent = createServer(() => {
      connections += 1;
    });
    await new Promise<void>((resolve) => {
      silent.listen(0, "127.0.0.1", resolve);
    });
    closers.push(() => silent.close());
    const { port } = silent.address() as { port: number };
    const names = { "tool.example.com": "127.0.0.1", "open.example.com": "93.184.216.34" };
    const at = (host: string) => call(0, {}, { endpoint: `${host}:${port}` }, {}, { names }).catch(failure);
    expect(await at("tool.example.com")).toMatchObject({ name: "PermanentFailure", code: "ADDRESS_REFUSED" });
    expect(await at("169.254.169.254")).toMatchObject({ code: "ADDRESS_REFUSED" });
    expect(await at("open.example.com")).toMatchObject({ code: "PLAINTEXT_REFUSED" });
    expect(await at("http://127.0.0.1")).toMatchObject({ code: "ENDPOINT_INVALID" });
    expect(connections).toBe(0);
  });

  it.each([
    [{ proto: "syntax = nothing" }, /^Tool default\/orders.find: `grpc.proto`: /],
    [{ proto: `import "other.proto";\n${PROTO}` }, /imports `other.proto`: write it into the text/],
    [{ service: "orders.v1.Nothing" }, /`grpc.service`: `proto` has no service `orders.v1.Nothing`/],
    [{ method: "Seek" }, /has no method `Seek`/],
    [{ method: "Watch" }, /streams/],
    [{ proto: `// ${"z".repeat(300_000)}` }, /more than 262144 characters/],
  ])("is refused where its method cannot be found (%#)", async (grpc, message) => {
    const came = await call(1, {}, { grpc: { ...ORDERS, ...grpc } }).catch(failure);
    expect(came).toMatchObject({
      name: "PermanentFailure",
      code: "TOOL_INVALID",
      message: expect.stringMatching(message),
    });
  });
});

/** Makes a certificate for `tool.example.com`; undefined: there is no openssl here. */
async function certify(folder: string): Promise<boolean> {
  const [key, certificate] = [join(folder, "key.pem"), join(folder, "certificate.pem")];
  const names = ["-subj", "/CN=tool.example.com", "-addext", "subjectAltName=DNS:tool.example.com"];
  const args = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", key, "-out", certificate];
  return run("openssl", [...args, ...names]).then(
    () => true,
    () => false,
  );
}

it("speaks TLS with those whom Node trusts, under their own names only", async ({ skip }) => {
  const folder = await mkdtemp(join(tmpdir(), "cw-grpc-"));
  try {
    if (!(await certify(folder))) skip("no openssl here");
    const certificate = join(folder, "certificate.pem");
    const hosts = ["tool.example.com", "other.example.com"];
    const words = [childProgram("runner/tools/grpc-tls-child.ts"), join(folder, "key.pem"), certificate, ...hosts];
    const refused = { code: "HOST_UNREACHABLE", details: { effect: "none" } };
    const told = async (more: Readonly<Record<string, string>>): Promise<unknown> => {
      const env = { PATH: process.env["PATH"] ?? "", ...more };
      return JSON.parse((await run(process.execPath, words, { env })).stdout);
    };
    expect(await told({})).toEqual([refused, refused]);
    const trusted = [{ text: "over TLS", isError: false }, refused];
    expect(await told({ NODE_EXTRA_CA_CERTS: certificate })).toEqual(trusted);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
