// What each check of a set asked, by address. Of a set that was kept on disk it is unfolded when somebody looks: a change of
// what manifests say, the usual one, asks for those alone that looked into others.
import { type Inquiry, isContentFact } from "./declared.ts";

export class Inquiries {
  private known: Map<string, Inquiry> | undefined;
  private readonly unfold: () => Map<string, Inquiry>;
  /** Written since, over what is not unfolded; null: gone. */
  private readonly written = new Map<string, Inquiry | null>();
  /** Those that looked into other manifests: few. */
  readonly readers: Map<string, Inquiry>;

  constructor(unfold: () => Map<string, Inquiry> = () => new Map(), readers = new Map<string, Inquiry>()) {
    this.unfold = unfold;
    this.readers = readers;
  }

  /** All of them. Not to be changed by whoever asks. */
  all(): ReadonlyMap<string, Inquiry> {
    if (this.known === undefined) {
      this.known = this.unfold();
      for (const [address, inquiry] of this.written) put(this.known, address, inquiry);
      this.written.clear();
    }
    return this.known;
  }

  set(address: string, inquiry: Inquiry): void {
    put(this.readers, address, inquiry.facts.some(isContentFact) ? inquiry : null);
    if (this.known === undefined) this.written.set(address, inquiry);
    else this.known.set(address, inquiry);
  }

  delete(address: string): void {
    this.readers.delete(address);
    if (this.known === undefined) this.written.set(address, null);
    else this.known.delete(address);
  }
}

function put(map: Map<string, Inquiry>, address: string, inquiry: Inquiry | null): void {
  if (inquiry === null) map.delete(address);
  else map.set(address, inquiry);
}
