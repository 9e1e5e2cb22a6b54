// The tool with which a model reads on in a result that was too long for it: `artifact.read`, for agents that list it.

export const ARTIFACT_TOOL = "artifact.read";

/** Case, `_` and `-` count as little as in other names of tools. */
export function isArtifactTool(name: string): boolean {
  return name.trim().toLowerCase().replace(/[_-]/g, ".") === ARTIFACT_TOOL;
}
