// The private Redis of one COUNTWHEEL_HOME: started by the first command that needs it, shared by all, ended by `down`.

export interface EmbeddedRequest {
  /** COUNTWHEEL_HOME: the server's data and socket live in it. */
  readonly home: string;
  /** The PATH to search for redis-server, valkey-server, apt-get. */
  readonly path: string;
  readonly userHome: string | undefined;
  /** XDG_CACHE_HOME, where it is set. */
  readonly cacheHome?: string | undefined;
  /** Gets one line about the server that was taken, only when it is started. */
  readonly say: (line: string) => void;
}

export interface EmbeddedServer {
  readonly url: string;
  readonly how: string;
}

export async function ensureEmbedded(request: EmbeddedRequest): Promise<EmbeddedServer> {
  throw new Error(request.home);
}

export async function stopEmbedded(home: string): Promise<"stopped" | "none"> {
  throw new Error(home);
}
