// The address of a tool of type grpc: `host:port`. Pure.

export interface GrpcEndpoint {
  readonly host: string;
  readonly port: number;
}

/** `[::1]:50051`, `tools.example.com:50051`. undefined: it is none. */
export function parseEndpoint(text: string): GrpcEndpoint | undefined {
  const found = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/.exec(text);
  const port = Number(found?.[3]);
  if (found === null || port < 1 || port > 65_535) return undefined;
  return { host: found[1] ?? found[2] ?? "", port };
}

/** As the URL that rules on addresses are about. null: nobody can tell where it leads. */
export function endpointUrl(text: string, plaintext: boolean): string | null {
  const endpoint = parseEndpoint(text);
  if (endpoint === undefined) return null;
  const { host, port } = endpoint;
  return `${plaintext ? "http" : "https"}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
