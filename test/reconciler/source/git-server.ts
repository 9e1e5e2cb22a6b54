// A real git server on loopback: `git http-backend` behind Node, with Basic authentication and a connection to cut.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname } from "node:path";
import { runGit, TEST_GIT } from "../../git.ts";

export interface GitServer {
  /** The URL of the repository. */
  readonly url: string;
  /** `<method> <path>` of every request so far. */
  readonly requests: readonly string[];
  stop(): Promise<void>;
}

export interface GitServerOptions {
  /** Refuses whoever does not send this as the password. */
  readonly token?: string;
  /** Cuts the connection after this many bytes of a pack. */
  readonly cutAfterBytes?: number;
  /** Answers everything with a redirect to this place. */
  readonly redirectTo?: string;
  /** Can the server leave out file contents? */
  readonly filter?: boolean;
}

export async function gitServer(bare: string, options: GitServerOptions = {}): Promise<GitServer> {
  await runGit(bare, ["config", "uploadpack.allowFilter", String(options.filter ?? true)]);
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    if (options.redirectTo !== undefined) response.writeHead(301, { location: options.redirectTo }).end();
    else if (isAllowed(request, options.token)) serve(bare, request, response, options.cutAfterBytes);
    else response.writeHead(401, { "www-authenticate": 'Basic realm="git"' }).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/remote.git`,
    requests,
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

function isAllowed({ headers }: IncomingMessage, token: string | undefined): boolean {
  if (token === undefined) return true;
  const basic = headers.authorization?.replace(/^Basic /, "") ?? "";
  return Buffer.from(basic, "base64").toString().split(":")[1] === token;
}

/** One request, as `git http-backend` answers it. */
export function serve(bare: string, request: IncomingMessage, response: ServerResponse, cutAfterBytes?: number): void {
  const url = new URL(request.url ?? "/", "http://localhost");
  const backend = spawn("git", ["http-backend"], {
    env: {
      PATH: TEST_GIT.path,
      GIT_PROJECT_ROOT: dirname(bare),
      GIT_HTTP_EXPORT_ALL: "1",
      GIT_PROTOCOL: String(request.headers["git-protocol"] ?? ""),
      PATH_INFO: url.pathname,
      QUERY_STRING: url.search.slice(1),
      REQUEST_METHOD: request.method ?? "GET",
      CONTENT_TYPE: request.headers["content-type"] ?? "",
      HTTP_CONTENT_ENCODING: request.headers["content-encoding"] ?? "",
    },
  });
  request.pipe(backend.stdin.on("error", () => undefined));
  let head = "";
  let sent = 0;
  backend.stdout.on("data", (chunk: Buffer) => {
    const body = response.headersSent ? chunk : takeHead(chunk);
    sent += body.length;
    const isPack = cutAfterBytes !== undefined && request.method === "POST" && sent > cutAfterBytes;
    if (isPack) {
      response.write(body.subarray(0, cutAfterBytes));
      request.socket.destroySoon();
      backend.kill();
    } else response.write(body);
  });
  backend.stdout.on("end", () => response.end());

  function takeHead(chunk: Buffer): Buffer {
    head += chunk.toString("latin1");
    const end = head.indexOf("\r\n\r\n");
    if (end === -1) return Buffer.alloc(0);
    const lines = head
      .slice(0, end)
      .split("\r\n")
      .map((line) => line.split(": ") as [string, string]);
    const headers = Object.fromEntries(lines);
    response.writeHead(Number.parseInt(headers["Status"] ?? "200", 10), headers);
    return Buffer.from(head.slice(end + 4), "latin1");
  }
}
