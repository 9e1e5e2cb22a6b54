// What is said where a memory holds vectors that the model at hand did not make.
import { PermanentFailure } from "../../contracts/failure.ts";

/** `had` and `now` name a model with its dimensions. */
export function vectorsDiffer(label: string, had: string, now: string): PermanentFailure {
  const mend = "Name the former model again, or give the Memory another name and fill it anew";
  return new PermanentFailure(
    "MEMORY_VECTORS_DIFFER",
    `${label}: its vectors were made by ${had}, and its \`embedding_model\` is ${now} now. ${mend}`,
    { details: { had, now } },
  );
}
