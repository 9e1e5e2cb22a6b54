// Presses whose delivery failed, asked for again: which, how often, and when.
import { generateKeyPairSync } from "node:crypto";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type MissedPresses, openMissedPresses } from "../../../../reconciler/report/github/missed-presses.ts";
import type { TestDelivery } from "../../../github/apps.ts";
import { type GithubServer, startGithub } from "../../../github/server.ts";

const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const NOW = new Date();

let github: GithubServer;
let missed: MissedPresses;

beforeEach(async () => {
  github = await startGithub({});
  github.apps.register({ id: "1", slug: "countwheel", publicKey });
  const signal = new AbortController().signal;
  missed = openMissedPresses({ apiUrl: github.url, app: { id: "1", privateKey }, signal, now: () => NOW });
});
afterEach(async () => {
  await github.stop();
  expect(github.violations).toEqual([]);
});

function delivery(id: number, guid: string, status_code: number, more: Partial<TestDelivery> = {}): TestDelivery {
  const delivered_at = new Date(NOW.getTime() - 60_000).toISOString();
  return { id, guid, status_code, delivered_at, event: "check_run", action: "requested_action", ...more };
}

it("asks for those of the last hour that nobody has taken since, and for no other delivery", async () => {
  const longAgo = new Date(NOW.getTime() - 3_700_000).toISOString();
  github.apps.deliveries.push(
    delivery(9, "away", 503),
    delivery(8, "away", 0),
    delivery(7, "taken", 202),
    delivery(6, "taken", 503),
    delivery(5, "old", 503, { delivered_at: longAgo }),
    delivery(4, "often", 503),
    delivery(3, "often", 503),
    delivery(2, "often", 503),
    delivery(1, "push", 503, { event: "push", action: null }),
  );
  expect([await missed.ask(), github.requests.length]).toEqual([0, 0]);
  missed.note();
  expect([await missed.ask(), github.apps.redelivered]).toEqual([1, [9]]);
  expect(await missed.ask()).toBe(0);
});

it("asks again after what may pass, and not after a refusal", async () => {
  const list = { method: "GET", path: /deliveries/, times: 1 };
  missed.note();
  github.fail({ ...list, status: 502 });
  await expect(missed.ask()).rejects.toMatchObject({ code: "GITHUB_UNAVAILABLE" });
  github.fail({ ...list, status: 404 });
  await expect(missed.ask()).rejects.toMatchObject({ code: "GITHUB_NOT_FOUND" });
  expect([await missed.ask(), github.requests.length]).toEqual([0, 2]);
});
