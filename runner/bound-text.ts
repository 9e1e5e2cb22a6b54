// Cuts what others said, and says so in the text: a model must know that it reads a part of a tool's result.
import type { Overflow } from "./tools/tool.ts";

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
  if (Math.max(Buffer.byteLength(text), totalBytes ?? Number.POSITIVE_INFINITY) <= limitBytes) return text;
  const of = totalBytes === undefined ? "more" : `${totalBytes}`;
  const kept = headOf(text, limitBytes);
  return `${kept}${CUT}\n[truncated: the first ${Buffer.byteLength(kept)} of ${of} bytes; the tool's max_result_bytes is ${limitBytes}]`;
}

/** A result within its limit, and all of it beside that where somebody keeps more than that of it. */
export function boundAnswer(
  text: string,
  limitBytes: number,
  totalBytes: number | undefined,
  keepBytes = 0,
): { readonly text: string; readonly overflow?: Overflow } {
  const bounded = boundText(text, limitBytes, totalBytes);
  if (bounded === text || keepBytes <= limitBytes) return { text: bounded };
  const kept = Buffer.byteLength(text) <= keepBytes ? text : headOf(text, keepBytes);
  return { text: bounded, overflow: { text: kept, limitBytes, totalBytes } };
}

/**
 * The first bytes, never ending within a character: bytes 10xxxxxx continue one. A character is a byte at least, so that
 * only these many are encoded, of a text that may have millions.
 */
export function headOf(text: string, limitBytes: number): string {
  const bytes = Buffer.from(text.slice(0, limitBytes), "utf8");
  let end = Math.min(limitBytes, bytes.length);
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.subarray(0, end).toString("utf8");
}
