// Assembles the chunks of a streamed chat completion into the completion that they are parts of.
import { at, listAt, textAt } from "../../foreign.ts";
import { isObject } from "../../tool-arguments.ts";

interface Call {
  id: string;
  name: string;
  written: string;
}

export class ChatStream {
  readonly #calls: { readonly index: unknown; readonly call: Call }[] = [];
  #text = "";
  #refusal = "";
  #model = "";
  #finish = "";
  #usage: unknown;
  #whole: unknown;

  add(chunk: unknown): void {
    this.#model = textAt(chunk, "model") || this.#model;
    if (isObject(at(chunk, "usage"))) this.#usage = at(chunk, "usage");
    const [choice] = listAt(chunk, "choices");
    // A server that does not stream may still send its whole answer as one event.
    if (isObject(at(choice, "message"))) this.#whole = chunk;
    this.#finish = textAt(choice, "finish_reason") || this.#finish;
    const delta = at(choice, "delta");
    this.#text += textAt(delta, "content");
    this.#refusal += textAt(delta, "refusal");
    for (const part of listAt(delta, "tool_calls")) this.#extend(part);
  }

  /** Without a `finish_reason` where the stream was cut. */
  completion(): unknown {
    if (this.#whole !== undefined) return this.#whole;
    const tool_calls = this.#calls.map(({ call: { id, name, written } }) => ({
      id,
      type: "function",
      function: { name, arguments: written },
    }));
    return {
      model: this.#model,
      usage: this.#usage,
      choices: [
        {
          message: { content: this.#text, refusal: this.#refusal, tool_calls },
          finish_reason: this.#finish,
        },
      ],
    };
  }

  /** Parts belong together by index. Some servers give every call the same one: another id begins another call. */
  #extend(part: unknown): void {
    const [index, id, asked] = [at(part, "index"), textAt(part, "id"), at(part, "function")];
    const known = this.#calls.findLast((candidate) => candidate.index === index);
    const isNew = known === undefined || (id !== "" && known.call.id !== "" && known.call.id !== id);
    const call = isNew ? { id: "", name: "", written: "" } : known.call;
    if (isNew) this.#calls.push({ index, call });
    call.id ||= id;
    call.name ||= textAt(asked, "name");
    const written = at(asked, "arguments");
    call.written += typeof written === "string" ? written : isObject(written) ? JSON.stringify(written) : "";
  }
}
