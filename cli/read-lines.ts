// Takes a stream of bytes apart into lines, however long it is. A line that is no UTF-8 is told as such, not mended.
const NEWLINE = 0x0a;
/** Longer lines than any that is written end the reading. */
const LONGEST_LINE = 256 * 1024 * 1024;

export async function* readLines(chunks: AsyncIterable<Buffer> | Iterable<Buffer>): AsyncIterable<string | undefined> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let pieces: Buffer[] = [];
  let size = 0;
  const line = (): string | undefined => {
    const bytes = Buffer.concat(pieces);
    pieces = [];
    size = 0;
    try {
      return decoder.decode(bytes);
    } catch {
      // Whoever reads says so, with the line's number.
      return undefined;
    }
  };
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, from)) {
      pieces.push(chunk.subarray(from, end));
      from = end + 1;
      yield line();
    }
    pieces.push(chunk.subarray(from));
    size += chunk.length - from;
    if (size > LONGEST_LINE) break;
  }
  if (size > 0) yield line();
}
