// A real PostgreSQL with pgvector for one test file: compiled to WebAssembly, in this process, behind a socket on loopback.
// It serves one statement at a time, whoever asks, so that two connections cannot hold each other up here.
import { createServer, type Socket } from "node:net";
import { PGlite } from "@electric-sql/pglite";
import { vector } from "@electric-sql/pglite-pgvector";

export interface TestPostgres {
  readonly port: number;
  /** `postgres://…`, of the user who may do everything. */
  readonly url: string;
  query(sql: string): Promise<readonly unknown[]>;
  /** What was asked for before each connection: `tls` or `plain`. */
  readonly asked: readonly string[];
  stop(): Promise<void>;
}

/** Asks for TLS, which this server does not have. */
const SSL_REQUEST = 80_877_103;

export async function testPostgres(): Promise<TestPostgres> {
  const db = await PGlite.create({ extensions: { vector } });
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  let busy: Promise<unknown> = Promise.resolve();
  const server = createServer((socket) => {
    sockets.add(socket);
    let isNew = true;
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      sockets.delete(socket);
      // Whoever leaves in a transaction leaves nothing behind.
      busy = busy.then(() => db.exec("ROLLBACK")).catch(() => undefined);
    });
    socket.on("data", (data) => {
      if (isNew && data.length === 8 && data.readInt32BE(4) === SSL_REQUEST) {
        asked.push("tls");
        return void socket.write("N");
      }
      if (isNew) asked.push("plain");
      isNew = false;
      busy = busy.then(() => answer(db, socket, data)).catch(() => socket.destroy());
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  const port = typeof address === "object" ? (address?.port ?? 0) : 0;
  return {
    port,
    url: `postgres://postgres:s3cret@127.0.0.1:${port}/postgres`,
    asked,
    query: async (sql) => (await db.query(sql)).rows,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      await busy;
      await db.close();
    },
  };
}

async function answer(db: PGlite, socket: Socket, data: Buffer): Promise<void> {
  const out = await db.execProtocolRaw(data);
  if (socket.writable) socket.write(out);
}
