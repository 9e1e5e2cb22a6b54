// Permits: what the gate hands out for exactly one effect. Made and redeemed in runner/gate only; anything else that
// looks like one is refused at run time.
import { PermanentFailure } from "../../contracts/failure.ts";
import type { ModelGrant, ToolGrant } from "./grant.ts";

export class ModelPermit {
  #grant: ModelGrant | undefined;

  private constructor(grant: ModelGrant) {
    this.#grant = grant;
  }

  static mint(grant: ModelGrant): ModelPermit {
    return new ModelPermit(grant);
  }

  /** Gives out the grant once. */
  static redeem(permit: unknown): ModelGrant {
    if (typeof permit !== "object" || permit === null || !(#grant in permit)) throw forged("model");
    const grant = permit.#grant;
    if (grant === undefined) throw spent("model");
    permit.#grant = undefined;
    return grant;
  }
}

export class ToolPermit {
  #grant: ToolGrant | undefined;

  private constructor(grant: ToolGrant) {
    this.#grant = grant;
  }

  static mint(grant: ToolGrant): ToolPermit {
    return new ToolPermit(grant);
  }

  /** Gives out the grant once. */
  static redeem(permit: unknown): ToolGrant {
    if (typeof permit !== "object" || permit === null || !(#grant in permit)) throw forged("tool");
    const grant = permit.#grant;
    if (grant === undefined) throw spent("tool");
    permit.#grant = undefined;
    return grant;
  }
}

function forged(what: string): PermanentFailure {
  return new PermanentFailure("PERMIT_FORGED", `a ${what} was to be called without a permit of the gate`);
}

function spent(what: string): PermanentFailure {
  return new PermanentFailure("PERMIT_SPENT", `a permit for a ${what} call was to be used twice`);
}
