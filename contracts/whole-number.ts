// Numbers as people read them.

const THOUSANDS = /\B(?=(?:\d{3})+$)/g;

/** `12,345`. `toLocaleString` would load the data of all languages first, which takes longer than most commands run. */
export function wholeNumber(number: number): string {
  return String(number).replace(THOUSANDS, ",");
}
