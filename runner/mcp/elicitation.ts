// Questions of a server to a person (elicitation), and who hears of them: the trace of the call that asks, and then the
// server, of the answer. Nobody is asked: what is answered is said by the form itself.
import type { Elicited, FormContent, NoteElicited } from "../../contracts/elicited.ts";
import { PermanentFailure } from "../../contracts/failure.ts";
import { cutText } from "../bound-text.ts";
import { answerForm, decline, type FormAnswer } from "./form.ts";
import { MCP_LIMITS } from "./limits.ts";

/** As the protocol words it. */
export interface ElicitationAnswer {
  readonly action: "accept" | "decline" | "cancel";
  readonly content?: FormContent;
  readonly [field: string]: unknown;
}

/**
 * Of a connection up to 2025-11-25, where a question is a request of the server that names no call: which one asks is
 * known only where one is under way. Otherwise each hears that there was a question, and none what was in it, for the others
 * may be somebody else's.
 */
export class ElicitationDesk {
  readonly #calls = new Set<NoteElicited>();

  /** Questions that come during `work` may be its call's. */
  async during<T>(note: NoteElicited | undefined, work: () => Promise<T>): Promise<T> {
    if (note === undefined) return work();
    const call: NoteElicited = (elicited) => note(elicited);
    this.#calls.add(call);
    try {
      return await work();
    } finally {
      this.#calls.delete(call);
    }
  }

  async answer(message: string, schema: unknown): Promise<ElicitationAnswer> {
    const calls = [...this.#calls];
    const question = cutText(message, MCP_LIMITS.questionCharacters);
    const answer = calls.length === 0 ? decline("no call is under way") : answerForm(schema);
    const elicited = calls.length === 1 ? toldOf(question, answer) : amongOthers(answer, calls.length);
    try {
      await Promise.all(calls.map((note) => note(elicited)));
    } catch {
      // What could not be written down is not said: the question is left as if a person had closed it.
      return { action: "cancel" };
    }
    return wordOf(answer);
  }
}

/** A call of 2026-07-28, whose results hold its questions. */
export interface AskingCall {
  /** `McpServer default/files did not answer the call of …` */
  readonly what: string;
  /** Absent: no question of it is answered. */
  readonly note: NoteElicited | undefined;
}

/** Throws PermanentFailure MCP_INPUT_REQUIRED where the question gets no answer, and what `note` throws. */
export async function answerInput(
  { what, note }: AskingCall,
  method: string,
  params: unknown,
): Promise<ElicitationAnswer> {
  const { mode = "form", message, requestedSchema }: Readonly<Record<string, unknown>> = Object(params);
  if (method !== "elicitation/create" || mode !== "form") {
    const asked = mode === "form" ? method : `${method} (${wordsOf(mode)})`;
    throw inputRequired(`${what}: it asks for \`${cutText(asked, 60)}\`, which no server gets here`);
  }
  const question = cutText(wordsOf(message), MCP_LIMITS.questionCharacters);
  if (note === undefined) {
    throw inputRequired(
      `${what}: it asks a person, and nobody is asked here: "${question}". \`elicitation: defaults\` of its McpServer answers forms that have defaults`,
    );
  }
  const answer = answerForm(requestedSchema);
  await note(toldOf(question, answer));
  return wordOf(answer);
}

/** A server may send anything in the place of a text, also what throws when it is made one. */
function wordsOf(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "");
}

export function inputRequired(text: string): PermanentFailure {
  return new PermanentFailure("MCP_INPUT_REQUIRED", text);
}

function toldOf(question: string, answer: FormAnswer): Elicited {
  return answer.action === "accept"
    ? { question, answer: "accept", content: answer.content }
    : { question, answer: "decline", why: answer.why };
}

function amongOthers({ action }: FormAnswer, among: number): Elicited {
  return { answer: action, among };
}

function wordOf(answer: FormAnswer): ElicitationAnswer {
  return answer.action === "accept" ? { action: "accept", content: answer.content } : { action: "decline" };
}
