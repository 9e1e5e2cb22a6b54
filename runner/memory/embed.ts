// Makes the vectors of a memory: those that were made before are taken, all others are asked for through the gate.
import { type Digest, digestText } from "../../contracts/canonical.ts";
import { PermanentFailure, TransientFailure } from "../../contracts/failure.ts";
import { embeddingStepId, type StepId, type StepRecord } from "../../contracts/step.ts";
import type { Redis } from "../../store/connect.ts";
import { readEmbeddings } from "../../store/embeddings.ts";
import { putEmbeddings } from "../../store/scripts/put-embeddings.ts";
import { nextDelayMs } from "../agent/backoff.ts";
import { headOf } from "../bound-text.ts";
import { circuitOpen, verdictOf } from "../circuit.ts";
import type { Gate } from "../gate/gate.ts";
import { MODEL_RETRY } from "../limits.ts";
import type { EmbeddingModel } from "../models/open-embedding-model.ts";
import type { ToolCallContext } from "../tools/tool.ts";
import { waitUnlessAborted } from "../unless-aborted.ts";
import type { Embedded } from "./embedded-memory.ts";
import { MEMORY_LIMITS } from "./limits.ts";
import { packVector, readVector, type Vector, vectorText } from "./vector.ts";

export interface EmbedSources {
  readonly redis: Redis;
  readonly env: string;
  /** Opens the ModelEndpoint that the Memory names; throws where it is not to be had. */
  readonly open: () => Promise<EmbeddingModel>;
  /** The gate is made after the tools. */
  readonly gate: () => Pick<Gate, "embed">;
  /** What earlier attempts at the activation recorded. */
  readonly steps: readonly StepRecord[];
  readonly redact: (text: string) => string;
  readonly random: () => number;
}

type Call = Pick<ToolCallContext, "step" | "signal">;

/** Of one activation. */
export class MemoryEmbeddings {
  readonly #sources: EmbedSources;
  /** Of each tool call: how often it has asked. */
  readonly #asked = new Map<StepId, number>();
  #model: Promise<EmbeddingModel> | undefined;

  constructor(sources: EmbedSources) {
    this.#sources = sources;
  }

  async embed(texts: readonly string[], call: Call): Promise<Embedded> {
    this.#model ??= this.#sources.open();
    const model = await this.#model;
    const cut = texts.map((text) => headOf(text, MEMORY_LIMITS.embeddedBytes));
    const vectors = await this.#vectorsOf(model, cut, call);
    const dimensions = vectors[0]?.length ?? 0;
    return { vectors, space: { model: model.name, dimensions } };
  }

  /** Each text is asked for once, whoever asked for it before and however often it is in here. */
  async #vectorsOf(model: EmbeddingModel, texts: readonly string[], call: Call): Promise<Vector[]> {
    const { redis, env } = this.#sources;
    const digests = texts.map((text) => digestText(`${model.identity}\n${text}`));
    const known = new Map<Digest, Vector>();
    const kept = await readEmbeddings(redis, env, digests);
    for (const [index, digest] of digests.entries()) {
      const text = kept[index];
      if (text !== undefined) known.set(digest, readVector(text));
    }
    const missing = new Map(digests.map((digest, index) => [digest, texts[index] ?? ""] as const));
    for (const digest of known.keys()) missing.delete(digest);
    for (const batch of inBatches([...missing])) {
      for (const [digest, vector] of await this.#make(model, batch, call)) known.set(digest, vector);
    }
    return sameLength(
      model,
      digests.flatMap((digest) => known.get(digest) ?? []),
    );
  }

  async #make(
    model: EmbeddingModel,
    batch: readonly (readonly [Digest, string])[],
    call: Call,
  ): Promise<(readonly [Digest, Vector])[]> {
    const { redis, env } = this.#sources;
    const answer = await this.#ask(
      model,
      batch.map(([, text]) => text),
      call,
    );
    const made = batch.map(([digest], index) => [digest, packVector(answer[index] ?? [])] as const);
    const texts = made.map(([digest, vector]) => [digest, vectorText(vector)] as const);
    await putEmbeddings(redis, env, texts, MEMORY_LIMITS.keptEmbeddings);
    return made;
  }

  /** Each try is a gated step of its own, as those of a turn are. */
  async #ask(model: EmbeddingModel, texts: readonly string[], call: Call): Promise<readonly (readonly number[])[]> {
    const { gate, redact, random } = this.#sources;
    const { signal } = call;
    for (let failures = 1; ; failures += 1) {
      const entry = await model.enter();
      if (entry.state === "open") throw circuitOpen(model.endpoint, entry, random());
      try {
        const { vectors } = await gate().embed({ ...askOf(model), step: this.#nextStep(call), texts }, signal);
        await entry.leave({ verdict: "alive" });
        return vectors;
      } catch (error) {
        await entry.leave(verdictOf(error, { signal, redact }));
        signal.throwIfAborted();
        if (!(error instanceof TransientFailure) || !error.code.startsWith("MODEL_")) throw error;
        const delayMs = nextDelayMs(MODEL_RETRY, failures, error.retryAfterMs, random());
        if (delayMs === undefined) throw error;
        await waitUnlessAborted(delayMs, signal);
      }
    }
  }

  /** A call that is repeated after a takeover goes on counting: the attempts that were lost stay charged. */
  #nextStep({ step }: Call): StepId {
    if (step === undefined) throw new PermanentFailure("EMBEDDING_OUTSIDE", "embeddings are made for tool calls only");
    const before =
      this.#asked.get(step) ?? this.#sources.steps.filter((one) => one.step.startsWith(`${step}.e`)).length;
    this.#asked.set(step, before + 1);
    return embeddingStepId(step, before + 1);
  }
}

function askOf({ embedder, name: model, endpoint, price, reach }: EmbeddingModel) {
  return { embedder, model, endpoint, price, ...(reach === undefined ? {} : { reach }) };
}

function inBatches<T>(items: readonly T[]): T[][] {
  const batches: T[][] = [];
  for (let from = 0; from < items.length; from += MEMORY_LIMITS.embeddedTexts) {
    batches.push(items.slice(from, from + MEMORY_LIMITS.embeddedTexts));
  }
  return batches;
}

/** An endpoint that has another model by now answers with other vectors than those that are kept of it. */
function sameLength({ endpoint }: EmbeddingModel, vectors: Vector[]): Vector[] {
  const [first] = vectors;
  const other = vectors.find(({ length }) => length !== first?.length);
  if (other === undefined) return vectors;
  throw new PermanentFailure(
    "MEMORY_VECTORS_DIFFER",
    `ModelEndpoint ${endpoint} made vectors of ${first?.length} and of ${other.length} dimensions; name its model exactly`,
  );
}
