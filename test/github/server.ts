// A GitHub of our own on loopback: holds pull requests, comments, check runs and statuses, judges every request, enforces
// limits and rights, pages its lists, and fails where a test says so. Only what Countwheel uses exists.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { basename } from "node:path";
import { serve as serveGit } from "../reconciler/source/git-server.ts";
import { TestApps } from "./apps.ts";
import { judge, type Request } from "./judge.ts";
import { type Answer, GithubState } from "./state.ts";

/** app: a GitHub App's installation, the Actions token included; `issues`, `deployments` false: without the right to write these · personal: no checks · read-only: a fork's token. */
export type TokenKind =
  | { readonly kind: "app"; readonly slug: string; readonly issues?: boolean; readonly deployments?: boolean }
  | { readonly kind: "personal"; readonly login: string }
  | { readonly kind: "read-only" };

interface Fault {
  readonly method: string;
  /** Compared with the request's path. */
  readonly path: RegExp;
  readonly times: number;
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly message?: string;
  /** The request takes effect and only its answer is lost, as when a proxy times out. */
  readonly afterEffect?: boolean;
}

interface RecordedRequest {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
}

export interface GithubServer {
  readonly url: string;
  readonly state: GithubState;
  /** The GitHub Apps that exist, and where they are installed. */
  readonly apps: TestApps;
  /** `https://…/acme/agents.git` is this repository, for whoever brings a token as the password. */
  holds(bare: string): void;
  readonly requests: readonly RecordedRequest[];
  /** What was asked against GitHub's description or limits: a test expects none. */
  readonly violations: readonly string[];
  /** Requests that change something. */
  writes(): RecordedRequest[];
  fail(fault: Fault): void;
  /** No fault is left. */
  heal(): void;
  stop(): Promise<void>;
}

/** Tokens → who they are. Other tokens get 401. */
export async function startGithub(tokens: Readonly<Record<string, TokenKind>>): Promise<GithubServer> {
  const github = new Server(tokens);
  await github.listen();
  return github;
}

const GIT_PATH = "/acme/agents.git/";

class Server implements GithubServer {
  readonly state = new GithubState();
  readonly apps = new TestApps(() => this.state.clock());
  #bare: string | undefined;
  readonly requests: RecordedRequest[] = [];
  readonly violations: string[] = [];
  readonly #tokens: Readonly<Record<string, TokenKind>>;
  readonly #faults: { fault: Fault; left: number }[] = [];
  readonly #http = createServer((request, response) => void this.#serve(request, response));

  constructor(tokens: Readonly<Record<string, TokenKind>>) {
    this.#tokens = tokens;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#http.address() as AddressInfo).port}`;
  }

  listen(): Promise<void> {
    return new Promise((resolve) => this.#http.listen(0, "127.0.0.1", resolve));
  }

  writes(): RecordedRequest[] {
    return this.requests.filter(({ method }) => method !== "GET");
  }

  fail(fault: Fault): void {
    this.#faults.push({ fault, left: fault.times });
  }

  holds(bare: string): void {
    this.#bare = bare;
  }

  heal(): void {
    this.#faults.length = 0;
  }

  stop(): Promise<void> {
    this.#http.closeAllConnections();
    return new Promise((resolve) => this.#http.close(() => resolve()));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", this.url);
    const method = request.method ?? "GET";
    if (url.pathname.startsWith(GIT_PATH)) return this.#serveGit(request, response);
    const text = await readText(request);
    const body: unknown = text === "" ? undefined : JSON.parse(text);
    this.requests.push({ method, path: url.pathname, body });
    const fault = this.#takeFault(method, url.pathname);
    if (fault !== undefined && fault.afterEffect !== true) return respondWithFault(response, fault);
    const answer = this.#answer(request, {
      method,
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      body,
    });
    if (fault !== undefined) return respondWithFault(response, fault);
    response.setHeader("date", this.state.clock().toUTCString());
    respond(response, answer, url);
  }

  #serveGit(request: IncomingMessage, response: ServerResponse): void {
    const basic = request.headers.authorization?.replace(/^Basic /, "") ?? "";
    const [, password = ""] = Buffer.from(basic, "base64").toString().split(":");
    if (this.#bare === undefined || this.#kindOf(password) === undefined) {
      response.writeHead(401, { "www-authenticate": 'Basic realm="GitHub"' }).end();
      return;
    }
    request.url = (request.url ?? "").replace(GIT_PATH, `/${basename(this.#bare)}/`);
    serveGit(this.#bare, request, response);
  }

  #kindOf(token: string): TokenKind | undefined {
    return this.#tokens[token] ?? this.apps.kindOf(token);
  }

  #takeFault(method: string, path: string): Fault | undefined {
    const found = this.#faults.find(({ fault, left }) => left > 0 && fault.method === method && fault.path.test(path));
    if (found !== undefined) found.left -= 1;
    return found?.fault;
  }

  #answer(request: IncomingMessage, asked: Request): Answer {
    const sent = (request.headers.authorization ?? "").replace(/^(token|bearer) /i, "");
    const token = this.#kindOf(sent);
    const isApps = TestApps.answers(asked.path);
    if (token === undefined && !isApps) return refusal(401, "Bad credentials");
    const judgement = judge(asked);
    if (judgement.outcome === "bad") {
      this.violations.push(judgement.why);
      return refusal(422, judgement.why);
    }
    if (isApps) return this.apps.answer(judgement.operation, judgement.params, { jwt: sent, body: asked.body });
    if (token === undefined) return refusal(401, "Bad credentials");
    if (!this.apps.mayReach(sent, judgement.params)) return refusal(404, "Not Found");
    const refused = refuse(judgement.operation, asked.method, token);
    return refused ?? this.state.answer(judgement.operation, judgement.params, asked, loginOf(token));
  }
}

/** Rights as GitHub grants them: only Apps may write checks; an App's token is nobody's user; forks only read. */
function refuse(operation: string, method: string, token: TokenKind): Answer | undefined {
  if (operation === "GET /user" && token.kind !== "personal")
    return refusal(403, "Resource not accessible by integration");
  if (method === "GET") return undefined;
  if (token.kind === "read-only") return refusal(403, "Resource not accessible by integration");
  const isIssue = /\/issues(\/\{issue_number\})?$/.test(operation);
  if (isIssue && token.kind === "app" && token.issues === false)
    return refusal(403, "Resource not accessible by integration");
  if (operation.includes("/deployments") && token.kind === "app" && token.deployments === false)
    return refusal(403, "Resource not accessible by integration");
  if (operation.includes("/check-runs") && token.kind === "personal") {
    return refusal(403, "You must authenticate via a GitHub App.");
  }
  return undefined;
}

function loginOf(token: TokenKind): string {
  switch (token.kind) {
    case "app":
      return `${token.slug}[bot]`;
    case "personal":
      return token.login;
    case "read-only":
      return "github-actions[bot]";
  }
}

function refusal(status: number, message: string): Answer {
  return { status, body: { message } };
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}

function respondWithFault(response: ServerResponse, fault: Fault): void {
  response.writeHead(fault.status, { "content-type": "application/json", ...fault.headers });
  response.end(JSON.stringify({ message: fault.message ?? "told to fail" }));
}

function respond(response: ServerResponse, answer: Answer, url: URL): void {
  const headers: Record<string, string> = { "content-type": "application/json; charset=utf-8" };
  let { body } = answer;
  if (answer.list !== undefined) {
    const { items, wrap } = answer.list;
    const page = Number(url.searchParams.get("page") ?? 1);
    const size = Math.min(Number(url.searchParams.get("per_page") ?? 30), 100);
    const cut = items.slice((page - 1) * size, page * size);
    body = wrap === undefined ? cut : { total_count: items.length, [wrap]: cut };
    if (page * size < items.length) headers["link"] = nextLink(url, page + 1);
  }
  response.writeHead(answer.status, headers);
  response.end(JSON.stringify(body));
}

function nextLink(url: URL, page: number): string {
  const next = new URL(url);
  next.searchParams.set("page", String(page));
  return `<${next.href}>; rel="next"`;
}
