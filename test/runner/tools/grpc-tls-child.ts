// Calls a gRPC tool over TLS, under the name that is given, and tells what came of it: Node reads whom it trusts at its start.
import { readFileSync } from "node:fs";
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from "@grpc/grpc-js";
import { callGrpcTool } from "../../../runner/tools/grpc/grpc-tool.ts";

const [, , key = "", certificate = "", ...hosts] = process.argv;
const same = (bytes: Buffer): Buffer => bytes;
const method = {
  path: "/orloj.tool.v1.ToolService/Execute",
  requestStream: false,
  responseStream: false,
  requestSerialize: same,
  requestDeserialize: same,
  responseSerialize: same,
  responseDeserialize: same,
};
const server = new Server();
server.addService(
  { call: method },
  {
    call: (_: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) =>
      done(null, Buffer.from('{"status":"ok","output":"over TLS"}')),
  },
);
const pair = { private_key: readFileSync(key), cert_chain: readFileSync(certificate) };
const port = await new Promise<number>((resolve, reject) => {
  server.bindAsync("127.0.0.1:0", ServerCredentials.createSsl(null, [pair]), (error, bound) =>
    error === null ? resolve(bound) : reject(error),
  );
});
const outbound = { allowPrivate: true, resolve: () => Promise.resolve([{ address: "127.0.0.1", family: 4 }]) };
const told: unknown[] = [];
for (const host of hosts) {
  const source = {
    namespace: "default",
    tool: "t",
    label: "Tool default/t",
    spec: { type: "grpc", endpoint: `${host}:${port}` } as const,
    caller: { task: "default/t", namespace: "default", agent: "a" },
    outbound,
    credentials: {} as Parameters<typeof callGrpcTool>[0]["credentials"],
  };
  const context = {
    idempotencyKey: "0".repeat(32),
    step: "m1.c1",
    signal: new AbortController().signal,
    checkLease: () => undefined,
  };
  told.push(await callGrpcTool(source, {}, context).catch(({ code, details }) => ({ code, details })));
}
server.forceShutdown();
console.log(JSON.stringify(told));
