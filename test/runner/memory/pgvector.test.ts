// Memories in a real PostgreSQL with pgvector: held to the same suites as all others, and what is theirs alone.
import { createServer } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { VectorMemory } from "../../../runner/memory/memory.ts";
import { openPgvectorMemory } from "../../../runner/memory/postgres/pgvector-memory.ts";
import { parsePlace } from "../../../runner/memory/postgres/postgres-place.ts";
import { usesTls } from "../../../runner/memory/postgres/postgres-session.ts";
import { resolveHost } from "../../../runner/tools/checked-request.ts";
import { type TestPostgres, testPostgres } from "../../postgres.ts";
import { never, secretsWith } from "../mcp/servers.ts";
import { closedPort } from "../models/requests.ts";
import { entry, keepsEntries, keepsVectors, type Place, somewhere } from "./contract.ts";

function openAt(url: string, place: Place, allowPrivate = false): VectorMemory {
  return openPgvectorMemory({
    env: place.env,
    namespace: "default",
    name: place.name,
    label: "Memory default/notes",
    spec: { provider: "pgvector", auth: { secret_ref: "pg" } },
    secrets: secretsWith({ pg: url }),
    outbound: () => ({ allowPrivate, resolve: resolveHost }),
  });
}

describe("a memory in PostgreSQL", () => {
  let postgres: TestPostgres;
  beforeAll(async () => {
    postgres = await testPostgres();
  }, 240_000);
  afterAll(() => postgres.stop());
  const open = (place: Place): VectorMemory => openAt(postgres.url, place);

  keepsEntries(() => Promise.resolve(open(somewhere())));
  keepsVectors(open);

  it("takes what an agent writes as data, wherever it stands", async () => {
    const memory = open(somewhere());
    const hostile = "'; DROP TABLE countwheel_memory; -- $1 \\ %";
    await memory.write([entry(hostile, hostile)], never());
    expect(await memory.read(hostile, never())).toEqual(entry(hostile, hostile));
    expect(await memory.list("%", 5, never())).toEqual([]);
    expect(await memory.list("';", 5, never())).toEqual([{ key: hostile }]);
    expect((await memory.search("countwheel_memory", 5, never())).map(({ key }) => key)).toEqual([hostile]);
  });

  it("keeps who wrote it and the labels where SQL finds them, apart by environment and namespace", async () => {
    const place = somewhere();
    const written = { ...entry("k", "v").written, labels: [{ label: "private", from: "mail (a#1 m1.c1)" }] };
    await open(place).write([{ key: "k", value: "v", written }], never());
    expect(await open(place).list("", 5, never())).toEqual([{ key: "k", labels: written.labels }]);
    const sql =
      "SELECT environment, namespace, memory, written->>'agent' AS agent FROM countwheel_memory WHERE environment = ";
    expect(await postgres.query(`${sql} '${place.env}'`)).toEqual([
      { environment: place.env, namespace: "default", memory: "notes", agent: "a" },
    ]);
    expect(await open({ ...place, env: somewhere().env }).read("k", never())).toBeUndefined();
  });

  it("writes all or nothing", async () => {
    const memory = open(somewhere());
    const unwritable = entry("b", "zero \u0000 byte");
    await expect(memory.write([entry("a", "x"), unwritable], never())).rejects.toMatchObject({
      code: "MEMORY_REFUSED",
    });
    expect(await memory.list("", 5, never())).toEqual([]);
  });

  it("asks for TLS where it has to be, and goes no further without", async () => {
    const before = postgres.asked.length;
    const failed = openAt(`${postgres.url}?sslmode=require`, somewhere()).read("k", never());
    await expect(failed).rejects.toMatchObject({
      code: "MEMORY_UNAVAILABLE",
      message: expect.stringMatching(/SSL/) as string,
    });
    expect(postgres.asked.slice(before)).toEqual(["tls"]);
  });
});

it("uses TLS with a verified certificate by default, but for this machine", () => {
  const place = parsePlace("m", "postgresql://u@db.example/d", undefined);
  expect(place).toEqual({ host: "db.example", port: 5432, user: "u", password: "", database: "d", tls: "default" });
  expect(["127.0.0.1", "::1", "10.0.0.1", "93.184.216.34"].map((address) => usesTls(place, address))).toEqual([
    false,
    false,
    true,
    true,
  ]);
  expect(usesTls({ tls: "disable" }, "10.0.0.1")).toBe(false);
});

it.each([
  ["mysql://u:s3cret@h/d", "postgres"],
  ["postgres://h/d", "lacks a host, a user or a database"],
  ["postgres://u:s3cret@h", "lacks a host, a user or a database"],
  ["postgres://u:s3cret@h/d?sslmode=no-verify", "sslmode"],
  ["postgres://u:s3cret@h/d?sslrootcert=/etc/passwd", "sslrootcert"],
  ["host=h password=s3cret", "postgres"],
])("refuses the address %s without a word of its password", async (url, why) => {
  const failure: unknown = await openAt(url, somewhere())
    .read("k", never())
    .catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: "ENDPOINT_INVALID", message: expect.stringContaining(why) as string });
  expect(String(failure)).not.toContain("s3cret");
});

it("goes to no private place by a name, as no tool does", async () => {
  const name = "postgres://u:p@rebinding.test/d";
  const memory = openPgvectorMemory({
    env: "e",
    namespace: "default",
    name: "notes",
    label: "Memory default/notes",
    spec: { provider: "pgvector", endpoint: name },
    secrets: secretsWith({}),
    outbound: () => ({ allowPrivate: false, resolve: () => Promise.resolve([{ address: "10.0.0.8", family: 4 }]) }),
  });
  await expect(memory.read("k", never())).rejects.toMatchObject({ code: "ADDRESS_REFUSED" });
});

it("says that nobody is there, and that nothing was sent; ends with its call where the server is silent", async () => {
  const away = openAt(`postgres://u:p@127.0.0.1:${await closedPort()}/d`, somewhere());
  await expect(away.read("k", never())).rejects.toMatchObject({
    code: "MEMORY_UNAVAILABLE",
    details: { effect: "none" },
  });
  const silent = createServer();
  await new Promise<void>((resolve) => {
    silent.listen(0, "127.0.0.1", resolve);
  });
  const stop = new AbortController();
  silent.once("connection", () => stop.abort(new Error("lease lost")));
  const address = silent.address();
  const port = typeof address === "object" ? address?.port : 0;
  await expect(openAt(`postgres://u:p@127.0.0.1:${port}/d`, somewhere()).read("k", stop.signal)).rejects.toThrow(
    "lease lost",
  );
  await new Promise((resolve) => silent.close(resolve));
});
