// Text that may deceive a reader or a terminal: control, bidirectional and invisible characters. Pure.

/** Control and format characters (zero-width, bidirectional, tags), separators, lone surrogates, blank Hangul letters. */
const DECEPTIVE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\u115f\u1160\u3164\uffa0]/gu;

export function isPlainText(text: string): boolean {
  return text.search(DECEPTIVE) === -1;
}

/** The text with every deceptive character written out as `\u{202e}`. */
export function showPlainly(text: string): string {
  return text.replace(DECEPTIVE, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}
