// What servers get of this machine that are looked at, and not worked with: by `mcp pin` and `mcp login`.
import type { ServerGround } from "./mcp/plan-server.ts";
import { Containers } from "./processes/containers/containers.ts";
import type { CommandGround } from "./processes/find-command.ts";
import { PrivateFiles } from "./processes/private-files.ts";
import { Sandbox } from "./processes/sandbox.ts";
import type { SecretAccess } from "./secrets/allowed.ts";
import { resolveHost } from "./tools/checked-request.ts";
import { GrantRenewer, type Renewals } from "./tools/oauth/grant-renewer.ts";
import { OAuthTokens } from "./tools/oauth-tokens.ts";

export interface LookingGround extends Omit<CommandGround, "variables"> {
  readonly secrets: SecretAccess;
  readonly allowedImages: readonly string[];
  /** Where runners meet over logins; absent: none is renewed. */
  readonly renewals?: Renewals;
}

export function lookingGround(ground: LookingGround): ServerGround {
  const { variables } = ground.secrets;
  const privateFiles = new PrivateFiles(variables["XDG_RUNTIME_DIR"]);
  return {
    ...ground,
    variables,
    resolve: resolveHost,
    tokens: new OAuthTokens(() => performance.now()),
    renewer: new GrantRenewer(ground.renewals),
    now: () => new Date(),
    sandbox: new Sandbox(variables["PATH"] ?? ""),
    privateFiles,
    containers: new Containers(variables, ground.allowedImages, privateFiles),
  };
}
