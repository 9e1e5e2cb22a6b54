// Turns the bytes of a file into text, or says why it cannot: too large, not UTF-8, or not text at all.
import { isUtf8 } from "node:buffer";
import { MANIFEST_LIMITS } from "../../contracts/limits.ts";
import type { Finding } from "./finding.ts";

export type TextAnswer =
  | { readonly outcome: "text"; readonly text: string }
  | { readonly outcome: "refused"; readonly text: string; readonly finding: Finding }
  /** Nothing in it could make it a manifest. */
  | { readonly outcome: "foreign" };

const MARKS = ["kind", "Kind", "KIND", "orloj.dev", "countwheel.dev"];
const START = { start: 0, end: 0 };

/** A file is looked at only if a word in it could make it a manifest: folders hold other YAML and large JSON as well. */
export function readText(bytes: Uint8Array): TextAnswer {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const utf16 = isUtf16(buffer);
  if (buffer.length > 0 && !utf16 && !MARKS.some((mark) => buffer.includes(mark))) return foreignOrEmpty(buffer);
  if (buffer.length > MANIFEST_LIMITS.fileBytes) return refuse("", "LIMIT", tooLarge(buffer.length), START);
  if (utf16) return refuse("", "ENCODING", "the file is UTF-16", START);
  const text = buffer.toString("utf8").replace(/^\ufeff/, "");
  if (!isUtf8(buffer)) return refuse(text, "ENCODING", "the file is not UTF-8", spanOf(text, "\ufffd"));
  if (text.includes("\0")) return refuse(text, "ENCODING", "the file holds a NUL character", spanOf(text, "\0"));
  return { outcome: "text", text };
}

/** Comments and blank lines alone are an empty file, which is nothing to speak of. */
function foreignOrEmpty(buffer: Buffer): TextAnswer {
  const head = buffer
    .subarray(0, MANIFEST_LIMITS.fileBytes)
    .toString("utf8")
    .replace(/^\ufeff/, "");
  return /^[^\S\n]*(?!#|---|\.\.\.)\S/m.test(head) ? { outcome: "foreign" } : { outcome: "text", text: "" };
}

function isUtf16(buffer: Buffer): boolean {
  const [first, second] = buffer;
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) return true;
  return (first === 0 && second !== 0 && second !== undefined) || (second === 0 && first !== 0 && buffer[3] === 0);
}

function tooLarge(size: number): string {
  return `the file has ${size} bytes, more than the ${MANIFEST_LIMITS.fileBytes} that a manifest file may have`;
}

function refuse(text: string, code: "LIMIT" | "ENCODING", summary: string, span: Finding["span"]): TextAnswer {
  const detail = code === "ENCODING" ? "Save it as UTF-8." : "Split it, or move what is no manifest elsewhere.";
  return { outcome: "refused", text, finding: { severity: "error", code, summary, detail, span } };
}

function spanOf(text: string, character: string): Finding["span"] {
  const start = Math.max(0, text.indexOf(character));
  return { start, end: start + 1 };
}
