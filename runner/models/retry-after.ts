// How long a provider asks to wait before the next try.

const MAX_RETRY_AFTER_MS = 10 * 60_000;

/** `retry-after-ms` (OpenAI, Azure), `retry-after` in seconds or as a date; a date is held against the answer's own clock. */
export function readRetryAfter(headers: Headers): number | undefined {
  const waitMs = numberOf(headers.get("retry-after-ms")) ?? secondsOf(headers.get("retry-after"), headers.get("date"));
  return waitMs === undefined ? undefined : Math.min(Math.ceil(waitMs), MAX_RETRY_AFTER_MS);
}

function secondsOf(text: string | null, sentAt: string | null): number | undefined {
  const seconds = numberOf(text);
  if (seconds !== undefined) return seconds * 1_000;
  const waitMs = Date.parse(text ?? "") - Date.parse(sentAt ?? "");
  return Number.isFinite(waitMs) ? Math.max(0, waitMs) : undefined;
}

function numberOf(text: string | null): number | undefined {
  const number = Number(text ?? "");
  return text === null || text.trim() === "" || !Number.isFinite(number) || number < 0 ? undefined : number;
}
