// What a condition says of a call: yes, no, or that nobody can tell. What cannot be told never lets anything pass.

export type Answer = "yes" | "no" | "unsure";

export function answerOf(holds: boolean): Answer {
  return holds ? "yes" : "no";
}

export function negate(answer: Answer): Answer {
  if (answer === "unsure") return "unsure";
  return answer === "yes" ? "no" : "yes";
}

/** One `no` is enough, whatever the others could not tell. None at all: yes. */
export function allOf(answers: readonly Answer[]): Answer {
  if (answers.includes("no")) return "no";
  return answers.includes("unsure") ? "unsure" : "yes";
}

/** One `yes` is enough. None at all: no. */
export function anyOf(answers: readonly Answer[]): Answer {
  if (answers.includes("yes")) return "yes";
  return answers.includes("unsure") ? "unsure" : "no";
}
