// Gets access tokens by what a person's login gave. Refresh tokens that change with each use are followed: one runner renews at
// a time, the newest is kept where all of them find it, and what could not be kept there is remembered here meanwhile.
import type { DpopSession } from "@modelcontextprotocol/client";
import * as oauth from "oauth4webapi";
import { PermanentFailure, TransientFailure, withoutEffect } from "../../../contracts/failure.ts";
import type { Grant } from "../../secrets/grant.ts";
import { waitUnlessAborted } from "../../unless-aborted.ts";
import type { Outbound } from "../checked-request.ts";
import type { FetchedToken } from "../oauth-tokens.ts";
import { basicProof } from "./basic-proof.ts";
import { BoundKeys } from "./bound-key.ts";
import { closeRenewal, openRenewal } from "./renewal-box.ts";
import { requestToken } from "./token-request.ts";

/** Where runners meet over refresh tokens. */
export interface Renewals {
  begin(
    id: string,
  ): Promise<
    | { readonly outcome: "begun"; readonly number: number; readonly box: string }
    | { readonly outcome: "busy"; readonly remainingMs: number }
  >;
  end(id: string, after: number, box: string): Promise<"kept" | "moved">;
}

/** For whom a token is renewed. */
export interface RenewalCase {
  readonly grant: Grant;
  /** Names for people who needs it. */
  readonly label: string;
  /** What mends a grant that is over, in a sentence's end. */
  readonly mend: string;
  readonly outbound: Outbound;
  /** Of the key that its tokens are bound to, if they are. */
  readonly session: DpopSession | undefined;
  /** Hears of what may be written nowhere. */
  readonly note: (value: string) => void;
}

interface Newest {
  /** 0: the grant's own. */
  readonly number: number;
  readonly token: string;
}

interface Kept {
  readonly number: number;
  readonly box: string;
}

const MAX_REMEMBERED = 1_000;
const POLL_MS = 100;
/** One renewal of another runner, and some more. */
const WAIT_MS = 35_000;

export class GrantRenewer {
  /** Those that tokens of the logins are bound to. */
  readonly keys = new BoundKeys();
  readonly #renewals: Renewals | undefined;
  readonly #unkept = new Map<string, Newest>();
  readonly #ended = new Map<string, { readonly number: number; readonly failure: PermanentFailure }>();

  /** Without a place to meet, no token is renewed: the newest one would be lost. */
  constructor(renewals: Renewals | undefined) {
    this.#renewals = renewals;
  }

  /**
   * Throws PermanentFailure TOKEN_GRANT_ENDED where only a person can go on, or TOKEN_REFUSED; TransientFailure
   * TOKEN_UNAVAILABLE, or what the connection or the place of renewals throws.
   */
  async renew(one: RenewalCase, refreshToken: string): Promise<FetchedToken> {
    const renewals = this.#renewals;
    if (renewals === undefined) {
      const text = `${one.label}: its login is renewed only where runners know of it: name their Redis (--redis, COUNTWHEEL_REDIS_URL)`;
      throw new PermanentFailure("TOKEN_NEEDS_STATE", text);
    }
    const begun = await beginInTurn(renewals, one);
    const { id } = one.grant;
    let next = this.#unkept.get(id);
    try {
      const newest = this.#newest(one, begun, refreshToken);
      next = this.#unkept.get(id);
      const ended = this.#ended.get(id);
      if (ended?.number === newest.number) throw ended.failure;
      const answer = await this.#ask(one, newest);
      if (answer.refresh_token !== undefined && answer.refresh_token !== newest.token)
        next = { number: begun.number + 1, token: answer.refresh_token };
      return { text: answer.access_token, lifeS: answer.expires_in };
    } finally {
      await this.#keep(renewals, one.grant, begun.number, next);
    }
  }

  /** What Redis says is believed with the key only. */
  #newest({ grant, note, label, mend }: RenewalCase, { number, box }: Kept, first: string): Newest {
    const unkept = this.#unkept.get(grant.id);
    if (unkept !== undefined && unkept.number > number) return unkept;
    this.#unkept.delete(grant.id);
    if (number === 0) return { number, token: first };
    const token = openRenewal(grant.key, { id: grant.id, number }, box);
    if (token === undefined) {
      const text = `${label}: what runners keep of its login was changed by somebody else; ${mend}`;
      throw new PermanentFailure("TOKEN_RENEWAL_DAMAGED", text);
    }
    note(token);
    return { number, token };
  }

  async #ask(one: RenewalCase, newest: Newest): Promise<oauth.TokenEndpointResponse> {
    const { grant, note, label, mend } = one;
    try {
      const answer = await requestRenewal(one, newest.token);
      if (answer.refresh_token !== undefined) note(answer.refresh_token);
      return answer;
    } catch (error) {
      if (!(error instanceof PermanentFailure) || error.details["error"] !== "invalid_grant") throw error;
      const text = `${label}: the login is over, says ${new URL(grant.token_url).origin} (invalid_grant); ${mend}`;
      const failure = new PermanentFailure("TOKEN_GRANT_ENDED", text, { cause: error });
      remember(this.#ended, grant.id, { number: newest.number, failure });
      throw failure;
    }
  }

  /** Whatever becomes of it, the token that was given is good: what is not kept now is kept the next time. */
  async #keep(renewals: Renewals, { id, key }: Grant, before: number, next: Newest | undefined): Promise<void> {
    const box = next === undefined ? "" : closeRenewal(key, { id, number: before + 1 }, next.token);
    if (next !== undefined) remember(this.#unkept, id, next);
    try {
      await renewals.end(id, before, box);
      this.#unkept.delete(id);
    } catch (error) {
      if (!(error instanceof TransientFailure)) throw error;
    }
  }
}

/** The oldest goes where there are too many: no runner has that many logins. */
function remember<T>(map: Map<string, T>, id: string, value: T): void {
  const [oldest] = map.keys();
  if (map.size >= MAX_REMEMBERED && oldest !== undefined && !map.has(id)) map.delete(oldest);
  map.set(id, value);
}

async function beginInTurn(renewals: Renewals, { grant, label }: RenewalCase) {
  const late = AbortSignal.timeout(WAIT_MS);
  for (;;) {
    const begun = await renewals.begin(grant.id);
    if (begun.outcome === "begun") return begun;
    if (late.aborted) {
      const text = `${label}: another runner has been renewing its login for too long`;
      throw withoutEffect(new TransientFailure("TOKEN_UNAVAILABLE", text));
    }
    await waitUnlessAborted(Math.min(POLL_MS, begun.remainingMs), NEVER);
  }
}

const NEVER = new AbortController().signal;

function requestRenewal(one: RenewalCase, refreshToken: string): Promise<oauth.TokenEndpointResponse> {
  const { grant, label, outbound, session, mend } = one;
  const client = { client_id: grant.client_id };
  const additionalParameters: Record<string, string> = grant.resource === undefined ? {} : { resource: grant.resource };
  return requestToken(
    { label, tokenUrl: grant.token_url, outbound, mend, hidden: [refreshToken, grant.client_secret ?? ""] },
    async (server, options) => {
      const more = { ...options, additionalParameters };
      const proof = session === undefined ? proofOf(grant) : provenBy(session, proofOf(grant));
      const ask = (): Promise<Response> => oauth.refreshTokenGrantRequest(server, client, proof, refreshToken, more);
      const response = await ask();
      return session !== undefined && (await wantsNonce(session, grant, response)) ? ask() : response;
    },
    async (server, response) => oauth.processRefreshTokenResponse(server, client, await withoutIdentity(response)),
  );
}

/** Adds a proof for the key that tokens are bound to. */
function provenBy(session: DpopSession, proof: oauth.ClientAuth): oauth.ClientAuth {
  return async (server, client, body, headers) => {
    await proof(server, client, body, headers);
    headers.set("dpop", await session.buildProof({ htm: "POST", htu: server.token_endpoint ?? "" }));
  };
}

async function wantsNonce(session: DpopSession, { token_url: url }: Grant, response: Response): Promise<boolean> {
  session.observeNonce(response, url);
  if (response.status !== 400) return false;
  const said: unknown = await response
    .clone()
    .json()
    .catch(() => undefined);
  return typeof said === "object" && said !== null && "error" in said && said.error === "use_dpop_nonce";
}

/** Who the person is, which some say beside the token, is nobody's business here and would be judged by the library. */
async function withoutIdentity(response: Response): Promise<Response> {
  const answer: unknown = await response
    .clone()
    .json()
    .catch(() => undefined);
  if (typeof answer !== "object" || answer === null || !("id_token" in answer)) return response;
  const { id_token: _identity, ...rest } = answer;
  return new Response(JSON.stringify(rest), { status: response.status, headers: response.headers });
}

function proofOf({ client_auth: by, client_id: id, client_secret: secret = "" }: Grant): oauth.ClientAuth {
  switch (by) {
    case "client_secret_basic":
      return basicProof(id, secret);
    case "client_secret_post":
      return oauth.ClientSecretPost(secret);
    case "none":
      return oauth.None();
  }
}
