// Writes what a tool asked in the midst of a call (elicitation), and what it will be told, before it is.
import type { Elicited } from "../../contracts/elicited.ts";
import { PermanentFailure } from "../../contracts/failure.ts";
import { boundText, boundValue } from "./bound.ts";
import type { ToolGrant } from "./grant.ts";

/** Of one call. */
const MOST_QUESTIONS = 20;

export class QuestionLog {
  readonly #grant: ToolGrant;
  #questions = 0;
  #isClosed = false;
  #written: Promise<unknown> = Promise.resolve();

  constructor(grant: ToolGrant) {
    this.#grant = grant;
  }

  /** Throws MCP_INPUT_REQUIRED where it may not be answered, and what the journal throws: then it must not be, either. */
  async note(elicited: Elicited): Promise<void> {
    const { journal, tool } = this.#grant;
    if (this.#isClosed) throw refused(`the call of \`${tool.definition.name}\` is over`);
    this.#questions += 1;
    if (this.#questions > MOST_QUESTIONS) {
      throw refused(`\`${tool.definition.name}\` asked more than ${MOST_QUESTIONS} questions in one call`);
    }
    const writing = journal.recorder.record([journal.draft("tool.elicited", this.#dataOf(elicited))]);
    this.#written = Promise.allSettled([this.#written, writing]);
    await writing;
  }

  /** Nothing is answered any more. Waits for what is being written. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#written;
  }

  #dataOf({ question, content, why, ...told }: Elicited): Readonly<Record<string, unknown>> {
    const { journal, tool, decisionId } = this.#grant;
    return {
      tool: tool.definition.name,
      ...told,
      ...(question === undefined ? {} : { question: boundText(question, journal.redactor) }),
      ...(content === undefined ? {} : { content: boundValue(content, journal.redactor) }),
      ...(why === undefined ? {} : { why: boundText(why, journal.redactor) }),
      decisionId,
    };
  }
}

function refused(text: string): PermanentFailure {
  return new PermanentFailure("MCP_INPUT_REQUIRED", text);
}
