// Goes through a login with a person: their browser here, or one elsewhere whose last address they paste.
import { PermanentFailure } from "../../contracts/failure.ts";
import type { Login } from "../../runner/login.ts";
import type { Grant } from "../../runner/secrets/grant.ts";
import type { Host } from "../host.ts";
import { say, UsageFailure } from "../output.ts";
import { readSecretValue } from "../read-secret.ts";
import { openBrowser } from "./open-browser.ts";
import { listenForRedirect, REDIRECT_PATH } from "./redirect-listener.ts";

export interface BrowserFlags {
  /** 0: any. */
  readonly port: number;
  /** False: the browser is on another machine. */
  readonly browser: boolean;
}

/** Nobody thinks about it for longer. */
const PATIENCE_MS = 10 * 60_000;
/** Where nothing listens, and the browser shows the address that it could not reach. */
const ELSEWHERE_PORT = 53_682;

/** Throws what the login throws, PermanentFailure LOGIN_TIMEOUT, or the host's own reason to stop. */
export async function personAgrees(host: Host, login: Login, flags: BrowserFlags): Promise<Grant> {
  return flags.browser ? withBrowser(host, login, flags.port) : withPaste(host, login, flags.port);
}

async function withBrowser(host: Host, login: Login, port: number): Promise<Grant> {
  const listener = await listenForRedirect(port);
  try {
    const { url, isAnswer, finish } = await login.begin(listener.url, host.signal);
    say(host, `Log in here, as whom agents are to act:\n\n    ${url}\n`);
    if (host.stderr.isTTY && !host.config.noInput) openBrowser(url, host.config.secretEnv);
    const late = AbortSignal.timeout(PATIENCE_MS);
    const redirected = await listener.answer(isAnswer, AbortSignal.any([host.signal, late])).catch((error: unknown) => {
      throw late.aborted ? tooLate() : error;
    });
    return await finish(redirected, host.now(), host.signal);
  } finally {
    await listener.close();
  }
}

async function withPaste(host: Host, login: Login, port: number): Promise<Grant> {
  const redirectUrl = `http://127.0.0.1:${port === 0 ? ELSEWHERE_PORT : port}${REDIRECT_PATH}`;
  const { url, finish } = await login.begin(redirectUrl, host.signal);
  say(host, `Log in with any browser, as whom agents are to act:\n\n    ${url}\n`);
  say(host, `It ends at a page that cannot be reached, ${redirectUrl}?…: paste its whole address here.`);
  const pasted = (await readSecretValue(host, undefined, "Address")).trim();
  if (!URL.canParse(pasted)) throw new UsageFailure("what was pasted is no address");
  return finish(new URL(pasted), host.now(), host.signal);
}

function tooLate(): PermanentFailure {
  return new PermanentFailure(
    "LOGIN_TIMEOUT",
    `nobody came back from the browser within ${PATIENCE_MS / 60_000} minutes`,
  );
}
