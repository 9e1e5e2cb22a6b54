// The mark of Tasks that run on pull requests: one that is misspelt marks nothing, which nobody means.
import { ON_PULL_REQUEST, RUN_ON } from "../../contracts/preview.ts";
import type { Problem } from "../../contracts/problem.ts";
import { escapePointer } from "../../contracts/sensitive.ts";
import type { Declaration } from "./declared.ts";
import { quote } from "./finding.ts";

export function checkRunOn({ manifest, locate }: Declaration): Problem[] {
  const { kind, metadata } = manifest;
  const value = Object.hasOwn(metadata.annotations, RUN_ON) ? metadata.annotations[RUN_ON] : undefined;
  if (value === undefined || (kind === "Task" && value === ON_PULL_REQUEST)) return [];
  const summary =
    kind === "Task"
      ? `${quote(value)} is nothing that a Task can run on`
      : `${kind} ${quote(metadata.name)} is marked with ${quote(RUN_ON)}, which is for Tasks`;
  return [
    {
      severity: "warning",
      code: "SCHEMA",
      summary,
      detail: `Write ${quote(`${RUN_ON}: ${ON_PULL_REQUEST}`)} on a Task: it then runs with the manifests of each pull request.`,
      address: `${kind}/${metadata.namespace}/${metadata.name}`,
      ...locate(`/metadata/annotations/${escapePointer(RUN_ON)}`),
    },
  ];
}
