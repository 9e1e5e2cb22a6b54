// Which runners may work on a task: what the task requires, held against what a runner announces. Pure.
import { canonicalJson } from "./canonical.ts";

/** Of a task (`requirements`). What is absent is not required. */
export interface Requirements {
  readonly region?: string;
  readonly gpu?: true;
  readonly model?: string;
}

/** Of a runner. */
export interface Announced {
  readonly region?: string;
  readonly gpu: boolean;
  /** Empty: it serves every model. */
  readonly models: readonly string[];
}

export const NO_REQUIREMENTS: Requirements = {};

export type Requirement = keyof Requirements;

/** What the runner lacks, in a fixed order; empty: it may work on the task. */
export function lacking(required: Requirements, announced: Announced): Requirement[] {
  const { region, gpu, model } = required;
  const lacks: Requirement[] = [];
  if (region !== undefined && region !== announced.region) lacks.push("region");
  if (gpu === true && !announced.gpu) lacks.push("gpu");
  if (model !== undefined && announced.models.length > 0 && !announced.models.includes(model)) lacks.push("model");
  return lacks;
}

export function matches(required: Requirements, announced: Announced): boolean {
  return lacking(required, announced).length === 0;
}

/** Of a manifest: an empty text and `gpu: false` require nothing. */
export function readRequirements(spec: {
  readonly region?: string | undefined;
  readonly gpu?: boolean | undefined;
  readonly model?: string | undefined;
}): Requirements {
  return {
    ...(spec.region ? { region: spec.region } : {}),
    ...(spec.gpu === true ? { gpu: true } : {}),
    ...(spec.model ? { model: spec.model } : {}),
  };
}

/** The same text for the same requirements, whatever their order; empty for none. */
export function requirementsText(required: Requirements): string {
  return Object.keys(required).length === 0 ? "" : canonicalJson(required);
}

/** `region eu`, `gpu`, `model llama`: as people read them. */
export function requirementTexts(required: Requirements): string[] {
  return lacking(required, NOTHING).map((which) => requirementText(required, which));
}

function requirementText(required: Requirements, which: Requirement): string {
  return which === "gpu" ? "gpu" : `${which} ${required[which]}`;
}

/** Why a task that could be worked on is not: there is no runner, or none of those that are there may. */
export interface Waiting {
  readonly reason: "NO_RUNNER" | "NO_MATCHING_RUNNER";
  /** What no runner announces; where each thing is announced by one, but not together, what the nearest one lacks. */
  readonly missing: readonly string[];
  readonly message: string;
}

/** Undefined: at least one of `runners` may work on it. */
export function whyWaiting(
  required: Requirements,
  runners: readonly (Announced & { readonly id: string })[],
): Waiting | undefined {
  const all = requirementTexts(required);
  const needs = all.length === 0 ? "" : `; the task requires ${all.join(", ")}`;
  if (runners.length === 0) return { reason: "NO_RUNNER", missing: all, message: `no runner is at work${needs}` };
  const found = runners.map((runner) => ({ id: runner.id, lacks: lacking(required, runner) }));
  const [first, ...rest] = found;
  if (first === undefined || found.some(({ lacks }) => lacks.length === 0)) return undefined;
  const nearest = rest.reduce((best, next) => (next.lacks.length < best.lacks.length ? next : best), first);
  const nowhere = nearest.lacks.filter((which) => found.every(({ lacks }) => lacks.includes(which)));
  const told = (which: readonly Requirement[]): string[] => which.map((each) => requirementText(required, each));
  const missing = told(nowhere.length > 0 ? nowhere : nearest.lacks);
  const whole = nowhere.length > 0 ? missing.join(" or ") : all.join(" with ");
  const seen = `${runners.length} ${runners.length === 1 ? "runner" : "runners"} seen`;
  return {
    reason: "NO_MATCHING_RUNNER",
    missing,
    message: `no runner announces ${whole}; ${seen}, nearest ${nearest.id} lacks ${told(nearest.lacks).join(", ")}`,
  };
}

/** Announces nothing, and serves one model that nobody asks for. */
const NOTHING: Announced = { gpu: false, models: [""] };
