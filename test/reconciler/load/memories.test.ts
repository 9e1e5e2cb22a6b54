// What a Memory needs, told where it is missing.
import { expect, it } from "vitest";
import { load, MODEL, told } from "./files.ts";

const memory = (name: string, spec: string): string =>
  `apiVersion: countwheel.dev/v1\nkind: Memory\nmetadata: {name: ${name}}\nspec: {${spec}}\n`;
const endpoint = (name: string, spec: string): string =>
  `apiVersion: countwheel.dev/v1\nkind: ModelEndpoint\nmetadata: {name: ${name}}\nspec: {${spec}}\n`;

it("tells of an embedding model whose provider makes no embeddings, by either of its names", async () => {
  const files = [
    endpoint("claude", "provider: anthropic, default_model: claude-x"),
    memory("a", "provider: redis, embedding_model: claude"),
    memory("b", "embedding_model: claude-x"),
    memory("c", "embedding_model: m"),
  ];
  const found = told(await load(MODEL, ...files));
  const why = "takes its vectors from ModelEndpoint `default/claude`, whose provider `anthropic` makes no embeddings";
  expect(found).toEqual([`error SCHEMA 4:42 Memory \`a\` ${why}`, `error SCHEMA 4:25 Memory \`b\` ${why}`]);
});

it("tells what a provider lacks, or does not heed", async () => {
  const files = [
    memory("a", "provider: rediss"),
    memory("b", 'provider: redis, endpoint: "redis://elsewhere"'),
    memory("c", "provider: http"),
    memory("e", "provider: pgvector"),
    memory("f", 'provider: pgvector, endpoint: "postgres://u:secret@db.example/d"'),
    memory("d", 'provider: http, endpoint: "https://notes.example", embedding_model: m'),
  ];
  expect(told(await load(MODEL, ...files))).toEqual([
    "error SCHEMA 4:18 there is no provider `rediss`",
    "error SCHEMA 4:35 a `redis` memory is kept in the environment's own Redis",
    "error SCHEMA 4:1 an `http` memory needs an `endpoint`",
    "error SCHEMA 4:1 a `pgvector` memory needs `auth.secretRef` or an `endpoint`",
    "error PLAINTEXT_SECRET 4:38 Memory `f` holds a credential in plain text (`spec.endpoint`)",
    "warning SCHEMA 4:76 `embedding_model` has no effect on an `http` memory",
  ]);
});
