// What an agent that lists `artifact.read` gets: the tool, and a shelf on which the gate puts results that are too long.
import { isArtifactTool } from "../../contracts/artifact-tool.ts";
import { TransientFailure } from "../../contracts/failure.ts";
import type { TaskRef } from "../../contracts/task.ts";
import { putArtifact } from "../../store/artifacts.ts";
import type { Redis } from "../../store/connect.ts";
import type { ArtifactShelf } from "../gate/overflow.ts";
import type { Tool } from "../tools/tool.ts";
import { artifactTool } from "./artifact-tool.ts";
import { ARTIFACT_LIMITS } from "./limits.ts";

export interface Artifacts {
  readonly shelf?: ArtifactShelf;
  readonly tool?: Tool;
}

/**
 * Of its manifest alone: whether a task has artifacts by now must not change what a model is offered, which a takeover has
 * to offer it again. Nothing is kept for agents that could not read it.
 */
export function openArtifacts(redis: Redis, task: TaskRef, toolNames: readonly string[]): Artifacts {
  if (!toolNames.some(isArtifactTool)) return {};
  return { tool: artifactTool(redis, task), shelf: shelfOf(redis, task) };
}

function shelfOf(redis: Redis, task: TaskRef): ArtifactShelf {
  return {
    resultBytes: ARTIFACT_LIMITS.bytes,
    async keep(text, facts) {
      const { outcome, facts: kept } = await putArtifact(redis, task, text, facts, ARTIFACT_LIMITS.taskBytes);
      switch (outcome) {
        case "kept":
          return kept;
        case "full":
          return undefined;
        case "over":
          throw new TransientFailure("TASK_ENDED", "the task has ended: nothing more is kept for it");
      }
    },
  };
}
