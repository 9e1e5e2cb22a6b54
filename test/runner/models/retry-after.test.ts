import { expect, test } from "vitest";
import { readRetryAfter } from "../../../runner/models/retry-after.ts";

test.each<[Record<string, string>, number | undefined]>([
  [{}, undefined],
  [{ "retry-after": "7" }, 7_000],
  [{ "retry-after": "0.25" }, 250],
  [{ "retry-after": "7", "retry-after-ms": "120" }, 120],
  [{ "retry-after": "86400" }, 600_000],
  [{ "retry-after": "-1" }, undefined],
  [{ "retry-after": "soon" }, undefined],
  [{ "retry-after": "Sun, 06 Nov 1994 08:49:40 GMT", date: "Sun, 06 Nov 1994 08:49:37 GMT" }, 3_000],
  [{ "retry-after": "Sun, 06 Nov 1994 08:49:40 GMT" }, undefined],
])("%j asks for %s ms", (headers, waitMs) => {
  expect(readRetryAfter(new Headers(headers))).toBe(waitMs);
});
