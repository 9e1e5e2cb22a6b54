// What one source remembers of its last read, so that the next one costs what changed. Whatever fails forgets it.
import type { Problem } from "../../../contracts/problem.ts";
import type { SourceFile } from "../../load/desired-set.ts";
import { collisionKey } from "../files/manifest-paths.ts";
import type { CommitFacts } from "./commit-info.ts";

/** Contents by blob that need not be read from the repository. */
export type KeptContents = (blob: string) => Uint8Array | undefined;

export interface RememberedRead {
  readonly gitDir: string;
  readonly path: string;
  readonly facts: CommitFacts;
  /** The object at the path, and the folder that the entries' paths begin at. */
  readonly oid: string;
  readonly base: string;
  readonly isFolder: boolean;
  /** In the order in which git lists them. */
  readonly files: readonly SourceFile[];
  /** Of the listing: links, names. */
  readonly listed: readonly Problem[];
  /** Of the contents: too large, not here. */
  readonly unread: readonly Problem[];
  /** Another process read it: what it fetched may not be in this mirror any more. */
  readonly isKept?: boolean;
}

export class ReadMemory {
  private last: RememberedRead | undefined;
  private index: { readonly files: readonly SourceFile[]; readonly at: ReadonlyMap<string, number> } | undefined;
  private keys: { readonly files: readonly SourceFile[]; readonly known: ReadonlySet<string> } | undefined;

  recall(gitDir: string, path: string): RememberedRead | undefined {
    return this.last?.gitDir === gitDir && this.last.path === path ? this.last : undefined;
  }

  get latest(): RememberedRead | undefined {
    return this.last;
  }

  keep(read: RememberedRead): void {
    this.last = read;
  }

  forget(): void {
    this.last = undefined;
    this.index = undefined;
    this.keys = undefined;
  }

  /** Where each file of the list stands in it. */
  positions(files: readonly SourceFile[]): ReadonlyMap<string, number> {
    if (this.index?.files !== files)
      this.index = { files, at: new Map(files.map(({ path }, position) => [path, position])) };
    return this.index.at;
  }

  /** The same paths in the same order: what is known of their positions still holds. */
  replaced(files: readonly SourceFile[], by: readonly SourceFile[]): void {
    if (this.index?.files === files) this.index = { files: by, at: this.index.at };
    if (this.keys?.files === files) this.keys = { files: by, known: this.keys.known };
  }

  /** What no further path may collide with. */
  collisionKeys(files: readonly SourceFile[]): ReadonlySet<string> {
    if (this.keys?.files !== files) this.keys = { files, known: new Set(files.map(({ path }) => collisionKey(path))) };
    return this.keys.known;
  }
}
