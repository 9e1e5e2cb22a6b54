// GitHub Apps of the loopback GitHub: their installations, the JWTs that they sign and the tokens that they get for an hour.
import { type KeyObject, randomUUID, verify } from "node:crypto";
import type { TokenKind } from "./server.ts";
import type { Answer } from "./state.ts";

export interface TestApp {
  readonly id: string;
  readonly slug: string;
  readonly publicKey: KeyObject;
}

interface Installation {
  readonly id: number;
  readonly app: TestApp;
  readonly repositories: readonly string[];
  suspended: boolean;
}

interface Issued {
  readonly installation: Installation;
  readonly repositories: readonly string[];
  readonly expiresAt: number;
}

/** A delivery of the App's webhook, as GitHub lists it. */
export interface TestDelivery {
  readonly id: number;
  readonly guid: string;
  readonly delivered_at: string;
  readonly status_code: number;
  readonly event: string;
  readonly action: string | null;
}

type Params = Readonly<Record<string, string>>;

const HOUR_MS = 3_600_000;
/** GitHub's words; clients know a wrong clock by them. */
const NOT_YET = "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued";
const TOO_FAR = "'Expiration time' claim ('exp') is too far in the future";
const OVER =
  "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires";

export class TestApps {
  readonly #apps: TestApp[] = [];
  #installations: Installation[] = [];
  readonly #issued = new Map<string, Issued>();
  readonly #now: () => Date;
  /** Newest first. */
  readonly deliveries: TestDelivery[] = [];
  /** Numbers of those that were to be made again. */
  readonly redelivered: number[] = [];
  #nextId = 7_000;

  constructor(now: () => Date) {
    this.#now = now;
  }

  /** These are asked as the App itself. */
  static answers(path: string): boolean {
    return /^\/app\/|^\/repos\/[^/]+\/[^/]+\/installation$/.test(path);
  }

  register(app: TestApp): void {
    this.#apps.push(app);
  }

  /** Removes what was installed before; `repositories`: `owner/name`. */
  install(appId: string, ...repositories: string[]): void {
    this.uninstall(appId);
    const app = this.#apps.find(({ id }) => id === appId);
    if (app === undefined) throw new Error(`no App ${appId}`);
    this.#nextId += 1;
    this.#installations.push({ id: this.#nextId, app, repositories, suspended: false });
  }

  /** Its tokens end with it. */
  uninstall(appId: string): void {
    this.#installations = this.#installations.filter(({ app }) => app.id !== appId);
  }

  suspend(appId: string): void {
    for (const installation of this.#installations) if (installation.app.id === appId) installation.suspended = true;
  }

  /** Every token so far is not accepted any more. */
  revoke(): void {
    this.#issued.clear();
  }

  tokens(): string[] {
    return [...this.#issued.keys()];
  }

  kindOf(token: string): TokenKind | undefined {
    const issued = this.#issued.get(token);
    if (issued === undefined || issued.expiresAt <= this.#now().getTime()) return undefined;
    if (!this.#installations.includes(issued.installation)) return undefined;
    return { kind: "app", slug: issued.installation.app.slug };
  }

  /** A token that is for some repositories sees no other. */
  mayReach(token: string, { owner, repo }: Params): boolean {
    const issued = this.#issued.get(token);
    return issued === undefined || repo === undefined || issued.repositories.includes(`${owner}/${repo}`);
  }

  answer(operation: string, params: Params, { jwt, body }: { readonly jwt: string; readonly body: unknown }): Answer {
    const app = this.#signerOf(jwt);
    if ("status" in app) return app;
    const own = this.#installations.filter((installation) => installation.app === app);
    if (operation === "GET /repos/{owner}/{repo}/installation") {
      const found = own.find(({ repositories }) => repositories.includes(`${params["owner"]}/${params["repo"]}`));
      return found === undefined ? refusal(404, "Not Found") : { status: 200, body: { id: found.id } };
    }
    if (operation === "GET /app/hook/deliveries") return { status: 200, body: this.deliveries.slice(0, 100) };
    if (operation === "POST /app/hook/deliveries/{delivery_id}/attempts") return this.#redeliver(params);
    const found = own.find(({ id }) => id === Number(params["installation_id"]));
    if (found === undefined) return refusal(404, "Not Found");
    if (found.suspended) return refusal(403, "This installation has been suspended");
    return this.#issue(found, body as { readonly repositories?: readonly string[] } | undefined);
  }

  #redeliver({ delivery_id: id }: Params): Answer {
    if (!this.deliveries.some((delivery) => delivery.id === Number(id))) return refusal(404, "Not Found");
    this.redelivered.push(Number(id));
    return { status: 202, body: {} };
  }

  #issue(installation: Installation, wanted: { readonly repositories?: readonly string[] } | undefined): Answer {
    const all = installation.repositories;
    const named = wanted?.repositories?.map((name) => all.find((whole) => whole.endsWith(`/${name}`)));
    if (named?.includes(undefined) === true)
      return refusal(422, "There is at least one repository that does not exist or is not accessible");
    const token = `ghs_${randomUUID()}`;
    const expiresAt = this.#now().getTime() + HOUR_MS;
    const repositories = (named ?? all).filter((name) => name !== undefined);
    this.#issued.set(token, { installation, repositories, expiresAt });
    return { status: 201, body: { token, expires_at: new Date(expiresAt).toISOString() } };
  }

  #signerOf(jwt: string): TestApp | Answer {
    const [head = "", claims = "", signature = ""] = jwt.split(".");
    const { alg } = decoded(head);
    const { iss, iat, exp } = decoded(claims);
    if (alg !== "RS256") return refusal(401, "A JSON web token could not be decoded");
    const app = this.#apps.find(({ id }) => id === String(iss));
    if (app === undefined) return refusal(404, "Integration not found");
    const isSigned = verify(
      "sha256",
      Buffer.from(`${head}.${claims}`),
      app.publicKey,
      Buffer.from(signature, "base64url"),
    );
    if (!isSigned) return refusal(401, "A JSON web token could not be decoded");
    const now = Math.floor(this.#now().getTime() / 1_000);
    if (Number(exp) <= now) return refusal(401, OVER);
    if (Number(exp) > now + 600) return refusal(401, TOO_FAR);
    return Number(iat) > now ? refusal(401, NOT_YET) : app;
  }
}

function decoded(part: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(Buffer.from(part, "base64url").toString()) as Record<string, unknown>;
  } catch {
    return {};
  }
}

function refusal(status: number, message: string): Answer {
  return { status, body: { message } };
}
