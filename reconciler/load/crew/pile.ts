// Files that are still to be read by one of two threads.

export interface Blob {
  readonly blob: string;
  readonly bytes: Uint8Array;
}

/** The other thread takes batches from the front, while more may come; this one takes from the end. */
export class Pile {
  private files: Blob[] = [];
  private front = 0;

  get size(): number {
    return this.files.length - this.front;
  }

  add(file: Blob): void {
    this.files.push(file);
  }

  /** Takes out what `isWanted` does not want. */
  keep(isWanted: (blob: string) => boolean): void {
    this.files = this.files.slice(this.front).filter(({ blob }) => isWanted(blob));
    this.front = 0;
  }

  next(): Blob | undefined {
    return this.size === 0 ? undefined : this.files.pop();
  }

  batch(files: number): readonly Blob[] {
    const batch = this.files.slice(this.front, this.front + files);
    this.front += batch.length;
    return batch;
  }
}
