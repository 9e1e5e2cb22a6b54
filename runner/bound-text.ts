// Cuts what others said, and says so in the text: a model must know that it reads a part of a tool's result.

/**
 * Stands where a text was cut. Half a secret may stand beside it, which redaction looks for there and nowhere else: whoever
 * cuts what somebody else said sets it.
 */
export const CUT = "…";

/** Not more than so many characters of what is quoted. */
export function cutText(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length)}${CUT}`;
}

/** `totalBytes` is undefined where only a part was received. */
export function boundText(text: string, limitBytes: number, totalBytes: number | undefined): string {
  const bytes = Buffer.from(text, "utf8");
  if (Math.max(bytes.length, totalBytes ?? Number.POSITIVE_INFINITY) <= limitBytes) return text;
  const of = totalBytes === undefined ? "more" : `${totalBytes}`;
  const kept = cutUtf8(bytes, limitBytes);
  return `${kept}${CUT}\n[truncated: the first ${Buffer.byteLength(kept)} of ${of} bytes; the tool's max_result_bytes is ${limitBytes}]`;
}

/** Never ends within a character: bytes 10xxxxxx continue one. */
function cutUtf8(bytes: Buffer, limitBytes: number): string {
  let end = Math.min(limitBytes, bytes.length);
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.subarray(0, end).toString("utf8");
}
