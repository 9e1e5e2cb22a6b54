// Waits on this machine for the browser of a person who logs in. Answers to anything else are short, and change nothing.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { PermanentFailure } from "../../contracts/failure.ts";
import { unlessAborted } from "../../runner/unless-aborted.ts";

export interface RedirectListener {
  /** Where the browser is to come back to. */
  readonly url: string;
  /** The first address that `isAnswer` takes; whatever else knocks is sent away, and waited on. */
  answer(isAnswer: (redirected: URL) => boolean, signal: AbortSignal): Promise<URL>;
  close(): Promise<void>;
}

const HOST = "127.0.0.1";
export const REDIRECT_PATH = "/callback";

/** `port` 0: any that is free. Throws PermanentFailure PORT_TAKEN. */
export async function listenForRedirect(port: number): Promise<RedirectListener> {
  const doors: ((redirected: URL) => boolean)[] = [];
  const server = createServer((request, response) => {
    const redirected = redirectedUrl(request, url);
    const isTaken = redirected !== undefined && doors.some((door) => door(redirected));
    if (isTaken)
      return tell(response, 200, "You are logged in, or told why not, where you began. This page can be closed.");
    return tell(response, redirected === undefined ? 404 : 400, "This is no answer to the login that waits here.");
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) =>
      reject(
        new PermanentFailure("PORT_TAKEN", `nobody can listen at ${HOST}:${port}; name another --port`, { cause }),
      ),
    );
    server.listen(port, HOST, resolve);
  });
  const { port: taken } = server.address() as AddressInfo;
  const url = `http://${HOST}:${taken}${REDIRECT_PATH}`;
  return {
    url,
    answer: (isAnswer, signal) =>
      unlessAborted(
        () =>
          new Promise((resolve) => {
            doors.push((redirected) => {
              const isOurs = isAnswer(redirected);
              if (isOurs) resolve(redirected);
              return isOurs;
            });
          }),
        signal,
      ),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** undefined: it did not come to where we sent it, under the name that we gave. */
function redirectedUrl({ method, url = "", headers }: IncomingMessage, own: string): URL | undefined {
  const { host, origin, pathname } = new URL(own);
  if (method !== "GET" || headers.host !== host || !URL.canParse(url, origin)) return undefined;
  const redirected = new URL(url, origin);
  return redirected.origin === origin && redirected.pathname === pathname ? redirected : undefined;
}

function tell(response: ServerResponse, status: number, text: string): void {
  const headers = {
    "Content-Type": "text/plain; charset=utf-8",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
  };
  response.writeHead(status, { ...headers, Connection: "close" }).end(`${text}\n`);
}
