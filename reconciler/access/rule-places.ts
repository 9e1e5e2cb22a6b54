// Where the rules of applied manifests stand, to the line: their files are read again at the commit that they came from.
import type { Address } from "../../contracts/address.ts";
import { digestText } from "../../contracts/canonical.ts";
import { PermanentFailure, TransientFailure } from "../../contracts/failure.ts";
import type { Place } from "../../contracts/problem.ts";
import type { RecordSource } from "../../contracts/record.ts";
import { readTexts } from "../drift/read-texts.ts";
import type { SourceTools } from "../environment-source.ts";
import { type PlaceOf, placesIn } from "./place-of.ts";

/** Sources by address. What cannot be read any more is told by the line at which the manifest begins. */
export async function placesAtCommits(
  sources: ReadonlyMap<Address, RecordSource>,
  tools: SourceTools,
  signal: AbortSignal,
): Promise<PlaceOf> {
  const found: PlaceOf[] = [];
  for (const group of byCommit(sources.values())) found.push(await placesAt(group, tools, signal));
  const begins = new Map<string, Place>(
    [...sources].map(([address, { file, line, column }]) => [address, { file, line, column }]),
  );
  return (address, rule) => {
    for (const find of found) {
      const place = find(address, rule);
      if (place !== undefined) return place;
    }
    return begins.get(address);
  };
}

interface FilesAt {
  readonly repo: string;
  readonly commit: string;
  readonly files: Set<string>;
}

function byCommit(sources: Iterable<RecordSource>): FilesAt[] {
  const groups = new Map<string, FilesAt>();
  for (const { repo, commit, file } of sources) {
    if (commit === null) continue;
    const key = `${repo}\n${commit}`;
    const group = groups.get(key) ?? { repo, commit, files: new Set() };
    groups.set(key, group);
    group.files.add(file);
  }
  return [...groups.values()];
}

/** A repository that is gone, or a commit that was thrown away, takes the lines with it and nothing else. */
async function placesAt({ repo, commit, files }: FilesAt, tools: SourceTools, signal: AbortSignal): Promise<PlaceOf> {
  const spec = { kind: "commit", repo, ref: commit, path: "." } as const;
  try {
    const texts = await readTexts(spec, tools, { headSha: commit, files: [...files] }, signal);
    const read = [...texts].map(([path, text]) => ({ path, blob: digestText(text), bytes: Buffer.from(text, "utf8") }));
    return placesIn((await tools.loader.load(read)).set.manifests);
  } catch (error) {
    if (error instanceof PermanentFailure || error instanceof TransientFailure) return () => undefined;
    throw error;
  }
}
