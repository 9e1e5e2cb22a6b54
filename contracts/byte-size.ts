// Sizes as containers write them: `512m`, `1g`, `256Mi`, or plain bytes. Pure.

const SIZE = /^([0-9]{1,15})([kmg]?)(?:i?b)?$/iu;
const STEP: Readonly<Record<string, number>> = { "": 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** In bytes; a thousand counts as 1,024. undefined: it is no size, or nothing. */
export function parseByteSize(text: string): number | undefined {
  const [, digits = "", unit = ""] = SIZE.exec(text.trim()) ?? [];
  const bytes = Number(digits) * (STEP[unit.toLowerCase()] ?? 0);
  return Number.isSafeInteger(bytes) && bytes > 0 ? bytes : undefined;
}
