// `down`: stops the embedded Redis of this directory. Its data stays for the next start.
import { stopEmbedded } from "../../store/embedded/embedded.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { CommonFlags, Host } from "../host.ts";
import { printJson } from "../output.ts";
import { countwheelHome } from "../repository-root.ts";

export type DownOptions = Pick<CommonFlags, "output">;

export async function runDown(host: Host, options: DownOptions): Promise<ExitCode> {
  const home = countwheelHome(host.config, host.cwd);
  const outcome = await stopEmbedded(home);
  if (options.output === "json") printJson(host, { formatVersion: "1", outcome, home });
  else
    host.stdout.write(
      outcome === "stopped" ? `Stopped; the data stays in ${home}\n` : `No Redis of ${home} is running\n`,
    );
  return EXIT.ok;
}
