// A git server on loopback: `git http-backend` behind Node, so that the Action reads the tip as it does from GitHub.
import { spawn } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { TEST_GIT } from "../git.ts";

export interface GitHttpServer {
  readonly url: string;
  stop(): Promise<void>;
}

/** Serves the bare repository as `/<owner>/<name>`, whatever these are. */
export async function serveRepository(bare: string): Promise<GitHttpServer> {
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://loopback");
    const rest = url.pathname.split("/").slice(3).join("/");
    const env = {
      PATH: TEST_GIT.path,
      GIT_HTTP_EXPORT_ALL: "1",
      GIT_PROJECT_ROOT: bare,
      PATH_INFO: `/${rest}`,
      QUERY_STRING: url.search.slice(1),
      REQUEST_METHOD: request.method ?? "GET",
      CONTENT_TYPE: request.headers["content-type"] ?? "",
      HTTP_CONTENT_ENCODING: String(request.headers["content-encoding"] ?? ""),
      HTTP_GIT_PROTOCOL: String(request.headers["git-protocol"] ?? ""),
    };
    const git = spawn("git", ["http-backend"], { env, stdio: ["pipe", "pipe", "inherit"] });
    request.pipe(git.stdin);
    const chunks: Buffer[] = [];
    git.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
    git.on("close", () => {
      const answer = Buffer.concat(chunks);
      const split = answer.indexOf("\r\n\r\n");
      const headers = answer.subarray(0, split).toString().split("\r\n").map((line) => line.split(": ") as [string, string]);
      const status = headers.find(([name]) => name === "Status")?.[1] ?? "200";
      response.writeHead(Number.parseInt(status, 10), Object.fromEntries(headers.filter(([name]) => name !== "Status")));
      response.end(answer.subarray(split + 4));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
