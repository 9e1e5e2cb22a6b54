// The manifests that a command's flags name, where they are sound: for commands that ask what these would grant or decide.
import { PermanentFailure } from "../contracts/failure.ts";
import { openSource } from "../reconciler/environment-source.ts";
import type { LoadedManifest } from "../reconciler/load/desired-set.ts";
import type { ShowFile } from "../reconciler/plan/render-problem.ts";
import { environmentSpec, findSettings, type SettingsFlags } from "./environment-settings.ts";
import type { Host } from "./host.ts";
import { fileFromHere, type SourceFlags, sourceTools } from "./plan-source.ts";

export interface SoundSource {
  readonly manifests: readonly LoadedManifest[];
  readonly showFile: ShowFile;
}

/** Throws PermanentFailure where they cannot be read, or have problems: of broken manifests nobody knows what they grant. */
export async function loadSourceOf(host: Host, flags: SettingsFlags & SourceFlags): Promise<SoundSource> {
  const found = await findSettings(host, flags);
  if (found.outcome === "invalid") throw new PermanentFailure("SETTINGS_INVALID", "the settings must be mended first");
  const spec = environmentSpec(host, flags, found);
  const tools = { ...(await sourceTools(host, spec)), overlays: found.settings.overlays };
  const source = await openSource(spec, tools).read(host.signal);
  if (source.status === "unavailable") throw new PermanentFailure(source.reason.code, source.reason.message);
  if (source.status === "invalid") {
    const message = "the manifests have problems, so nobody knows what they grant: countwheel validate";
    throw new PermanentFailure("MANIFESTS_INVALID", message, { details: { problems: source.problems } });
  }
  return { manifests: source.set.manifests, showFile: fileFromHere(host, spec) };
}
