// Stands between a client and a real Redis on unix sockets and counts the client's commands: a test decides what happens
// at the nth one. So every command of an apply is a place where the world can end.
import { mkdtemp, rm } from "node:fs/promises";
import { createConnection, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface ProxiedCommand {
  /** 1 for the first since the proxy was opened, over all connections. */
  readonly count: number;
  readonly name: string;
  /** The parts of the command, as text. */
  readonly parts: readonly string[];
}

/**
 * pass · cut-before: the connection ends and the server never sees the command · cut-after: the server carries it out, and
 * the answer is lost.
 */
export type Verdict = "pass" | "cut-before" | "cut-after";

export interface RedisProxy {
  readonly url: string;
  readonly commands: readonly ProxiedCommand[];
  /** Whether connections are taken at all. */
  open: boolean;
  /** Asked for each command, in order. */
  judge: (command: ProxiedCommand) => Verdict | Promise<Verdict>;
  /** Called right before a connection is cut. */
  onCut: () => void;
  stop(): Promise<void>;
}

export async function redisProxy(serverUrl: string): Promise<RedisProxy> {
  const target = decodeURIComponent(serverUrl.slice("unix://".length));
  const folder = await mkdtemp(join(tmpdir(), "cw-proxy-"));
  const socket = join(folder, "s");
  const commands: ProxiedCommand[] = [];
  const sockets = new Set<Socket>();
  const proxy: RedisProxy = {
    url: `unix://${encodeURI(socket)}`,
    commands,
    open: true,
    judge: () => "pass",
    onCut: () => undefined,
    async stop() {
      for (const each of sockets) each.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      await rm(folder, { recursive: true, force: true });
    },
  };
  const server = createServer((client) => {
    if (!proxy.open) return void client.destroy();
    const upstream = createConnection(target);
    for (const each of [client, upstream]) {
      sockets.add(each);
      each.on("error", () => undefined).on("close", () => sockets.delete(each));
    }
    upstream.on("data", (bytes) => client.write(bytes)).on("close", () => client.destroy());
    // Not destroyed: what a client sent before it died still arrives.
    client.on("close", () => upstream.end());
    void forward(client, upstream, proxy, commands);
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  return proxy;
}

async function forward(client: Socket, upstream: Socket, proxy: RedisProxy, commands: ProxiedCommand[]): Promise<void> {
  try {
    for await (const { raw, parts } of commandsOf(client)) {
      const command = { count: commands.length + 1, name: (parts[0] ?? "").toLowerCase(), parts };
      commands.push(command);
      const verdict = await proxy.judge(command);
      const cut = (): void => {
        proxy.onCut();
        client.destroy();
      };
      if (verdict === "cut-before") return cut();
      if (verdict === "cut-after") upstream.removeAllListeners("data").once("data", cut);
      upstream.write(raw);
      if (verdict === "cut-after") return;
    }
  } catch {
    // The client went away in the middle: there is nobody left to tell.
    upstream.destroy();
  }
}

async function* commandsOf(client: Socket): AsyncGenerator<{ readonly raw: Buffer; readonly parts: string[] }> {
  let pending: Buffer = Buffer.alloc(0);
  // Leaving the loop must not end the connection: an answer may still be on its way.
  for await (const chunk of client.iterator({ destroyOnReturn: false })) {
    pending = Buffer.concat([pending, chunk as Buffer]);
    for (let found = takeCommand(pending); found !== undefined; found = takeCommand(pending)) {
      yield { raw: pending.subarray(0, found.end), parts: found.parts };
      pending = pending.subarray(found.end);
    }
  }
}

/** `*<n>\r\n` and n times `$<length>\r\n<bytes>\r\n`. */
function takeCommand(bytes: Buffer): { readonly parts: string[]; readonly end: number } | undefined {
  let at = 0;
  const line = (): string | undefined => {
    const end = bytes.indexOf("\r\n", at);
    if (end === -1) return undefined;
    const text = bytes.toString("latin1", at, end);
    at = end + 2;
    return text;
  };
  const count = line();
  if (count === undefined) return undefined;
  const parts: string[] = [];
  for (let index = 0; index < Number(count.slice(1)); index += 1) {
    const length = line();
    if (length === undefined || at + Number(length.slice(1)) + 2 > bytes.length) return undefined;
    parts.push(bytes.toString("utf8", at, at + Number(length.slice(1))));
    at += Number(length.slice(1)) + 2;
  }
  return { parts, end: at };
}
