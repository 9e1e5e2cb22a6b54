// Cuts a text into pieces that can be found again, at paragraphs and sentences where it can. Pure.

/** In order, none empty, none longer than `length` characters; together they are the text without its outer blanks. */
export function cutPieces(text: string, length: number): string[] {
  const pieces: string[] = [];
  let rest = text.trim();
  while (rest.length > length) {
    const end = findEnd(rest, length);
    pieces.push(rest.slice(0, end).trim());
    rest = rest.slice(end).trim();
  }
  return [...pieces, rest].filter((piece) => piece !== "");
}

/** The last of the best kind of border in the second half; never inside a character of two units. */
function findEnd(text: string, length: number): number {
  const head = text.slice(0, length);
  for (const border of ["\n\n", "\n", ". ", " "]) {
    const at = head.lastIndexOf(border);
    if (at >= length / 2) return at + border.length;
  }
  const last = head.charCodeAt(length - 1);
  return last >= 0xd800 && last <= 0xdbff ? length - 1 : length;
}
