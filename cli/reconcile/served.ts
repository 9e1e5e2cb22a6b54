// `--all`: every environment of `countwheel.yaml`, each where the file says that it is.
import { environmentCommit, findEnvironments } from "../environment-settings.ts";
import type { ExitCode } from "../exit-codes.ts";
import type { Host } from "../host.ts";
import { UsageFailure } from "../output.ts";
import { nameOnGithub } from "./name-on-github.ts";
import type { ReconcileOptions, Served } from "./options.ts";

export type ServedFound =
  | { readonly outcome: "found"; readonly served: readonly Served[] }
  /** What is wrong with the file has been told. */
  | { readonly outcome: "invalid"; readonly exitCode: ExitCode };

export async function findServed(host: Host, options: ReconcileOptions): Promise<ServedFound> {
  if (options.repo !== undefined || options.ref !== undefined || options.path !== undefined)
    throw new UsageFailure(
      "--all takes each environment from where countwheel.yaml says: leave --repo, --ref and --path out",
    );
  if (options.confirmPrunes !== undefined)
    throw new UsageFailure("--confirm-prunes is for one environment: name it with --env instead of --all");
  const found = await findEnvironments(host, options);
  if (found.outcome === "invalid") return found;
  const { environments, folder } = found;
  if (environments.size === 0) throw new UsageFailure("--all found no environments in countwheel.yaml");
  const served = [...environments.values()].map((settings) => ({
    env: settings.name,
    spec: environmentCommit(host, {}, { settings, folder }),
    settings,
    folder,
  }));
  return { outcome: "found", served };
}

/** `--github` names one repository: environments of another one do not report to it. */
export function optionsFor(options: ReconcileOptions, { spec }: Served): ReconcileOptions {
  const { github, ...others } = options;
  const isAnother = github !== undefined && nameOnGithub(spec, github)?.toLowerCase() !== github.toLowerCase();
  return isAnother ? others : options;
}
