// The machine marker in a comment's first line: how the sticky comment of an environment is found again. Never read as truth.

/** The beginning of the first line of every comment of ours for an environment; `env` is encoded already. */
export function markerPrefix(env: string): string {
  return `<!-- countwheel:plan v=1 env=${env} `;
}

export interface MarkerFacts {
  readonly env: string;
  readonly head: string;
  readonly base: string;
  readonly serial: number;
  readonly plan: string;
  readonly state: "open" | "applying" | "applied" | "stale";
}

export function renderMarker({ env, head, base, serial, plan, state }: MarkerFacts): string {
  return `${markerPrefix(env)}head=${head} base=${base} serial=${serial} plan=${plan} state=${state} -->`;
}
