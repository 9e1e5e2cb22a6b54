// Artifacts: results that were too long for a model, kept whole under their task, in pieces so that a part can be read.
import { digestOf, digestText } from "../contracts/canonical.ts";
import type { ToolResult } from "../contracts/step.ts";
import type { TaskRef } from "../contracts/task.ts";
import { ask } from "./ask.ts";
import type { Redis } from "./connect.ts";
import { taskKeys } from "./keys.ts";
import { corrupt, jsonOf, objectOf, textOf } from "./reply.ts";
import { type PutArtifactAnswer, putArtifactPieces } from "./scripts/put-artifact.ts";

type Labels = NonNullable<ToolResult["labels"]>;

export interface ArtifactFacts {
  readonly id: string;
  readonly tool: string;
  /** `<activation> <step>` of the call whose result it is. */
  readonly from: string;
  /** Of the text, in UTF-8. */
  readonly bytes: number;
  readonly digest: string;
  /** Of whatever is read of it. */
  readonly labels: Labels;
}

/** A read of a small part takes two pieces at most; a large artifact is some hundred. */
const PIECE_BYTES = 64 * 1024;
const ID_LENGTH = 16;

/**
 * The id comes of the text and its labels: the same result of another try is kept once, and none can be read under the
 * labels of another.
 */
export async function putArtifact(
  redis: Redis,
  task: TaskRef,
  text: string,
  { tool, from, labels }: Pick<ArtifactFacts, "tool" | "from" | "labels">,
  taskBytes: number,
): Promise<{ readonly outcome: PutArtifactAnswer; readonly facts: ArtifactFacts }> {
  const bytes = Buffer.from(text, "utf8");
  const digest = digestText(text);
  const id = digestOf({ digest, labels }).slice("sha256:".length, "sha256:".length + ID_LENGTH);
  const facts = { id, tool, from, bytes: bytes.length, digest, labels };
  const pieces = Array.from({ length: Math.ceil(bytes.length / PIECE_BYTES) }, (_, index) =>
    bytes.subarray(index * PIECE_BYTES, (index + 1) * PIECE_BYTES),
  );
  const made = { id, facts: JSON.stringify(facts), bytes: bytes.length, pieces };
  return { outcome: await putArtifactPieces(redis, task, made, taskBytes), facts };
}

/** undefined: the task has no such artifact. */
export async function readArtifact(redis: Redis, task: TaskRef, id: string): Promise<ArtifactFacts | undefined> {
  if (!new RegExp(`^[0-9a-f]{${ID_LENGTH}}$`).test(id)) return undefined;
  const text = await ask(redis, () => redis.hget(taskKeys(task).artifacts, id));
  return text === null ? undefined : readFacts(id, text);
}

/** Bytes of its text, from `offset` on; fewer at its end. */
export async function readArtifactPart(
  redis: Redis,
  task: TaskRef,
  { id, bytes }: Pick<ArtifactFacts, "id" | "bytes">,
  offset: number,
  length: number,
): Promise<Buffer> {
  const end = Math.min(bytes, offset + length);
  if (offset >= end) return Buffer.alloc(0);
  const first = Math.floor(offset / PIECE_BYTES);
  const fields = Array.from({ length: Math.ceil(end / PIECE_BYTES) - first }, (_, index) => `${id}/${first + index}`);
  const pieces = await ask(redis, () => redis.hmgetBuffer(taskKeys(task).artifacts, ...fields));
  const found = pieces.map((piece) => piece ?? lost(id));
  return Buffer.concat(found).subarray(offset - first * PIECE_BYTES, end - first * PIECE_BYTES);
}

function lost(id: string): never {
  throw corrupt(`the artifact ${id}`, "a piece of it is gone");
}

function readFacts(id: string, text: string): ArtifactFacts {
  const what = `the artifact ${id}`;
  const fields = objectOf(what, jsonOf(what, text));
  const { bytes, labels } = fields;
  if (typeof bytes !== "number" || !Array.isArray(labels)) throw corrupt(what, "its facts cannot be read");
  return {
    id,
    tool: textOf(what, fields["tool"]),
    from: textOf(what, fields["from"]),
    bytes,
    digest: textOf(what, fields["digest"]),
    labels: labels.map((entry) => {
      const label = objectOf(what, entry);
      return { label: textOf(what, label["label"]), from: textOf(what, label["from"]) };
    }),
  };
}
