// What a server asked a person for in the midst of a tool call (elicitation), and what it was told in the place of one.

/** Lists can be changed because the SDKs of MCP want them so. */
export type FormValue = string | number | boolean | string[];
export type FormContent = Record<string, FormValue>;

export interface Elicited {
  /** In the server's words. Absent where several calls are under way and nobody knows which of them asks. */
  readonly question?: string;
  readonly answer: "accept" | "decline";
  /** What was accepted: the form's own defaults, by field. Absent with the question. */
  readonly content?: FormContent;
  /** For what reason it was declined. */
  readonly why?: string;
  /** So many calls were under way, this one among them. Absent: it alone. */
  readonly among?: number;
}

/** Writes it down, before the server hears of it: throws where it may not hear of it. */
export type NoteElicited = (elicited: Elicited) => Promise<void>;
