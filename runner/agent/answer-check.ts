// Which answers must not be acted on: cut ones, refusals, and those of which nobody knows why they ended. Pure.
import { PermanentFailure } from "../../contracts/failure.ts";
import type { ModelAnswer } from "../../contracts/step.ts";

/**
 * Throws PermanentFailure MODEL_TRUNCATED, MODEL_REFUSED or MODEL_STOP_UNKNOWN: asked again, the same model would answer
 * the same. A call of a cut answer may look whole, and mean something else.
 */
export function checkAnswer(agent: string, answer: ModelAnswer): void {
  switch (answer.finishReason) {
    case "stop":
    case "tool_use":
    case "pause":
      return;
    case "length": {
      const fix = "raise `options.max_tokens` of its ModelEndpoint, or ask for less";
      const what = `the answer of the model of ${agent} was cut after ${answer.outputTokens} tokens`;
      throw new PermanentFailure("MODEL_TRUNCATED", `${what}: ${fix}`);
    }
    case "refusal":
      throw new PermanentFailure(
        "MODEL_REFUSED",
        `the model of ${agent} refused: ${answer.text || "it gave no reason"}`,
      );
    case "other": {
      const reason = answer.stopReason ?? "unknown";
      const what = `the model of ${agent} stopped for \`${reason}\`, which this version does not know`;
      throw new PermanentFailure("MODEL_STOP_UNKNOWN", `${what}: nobody can tell whether its answer is whole`);
    }
  }
}
