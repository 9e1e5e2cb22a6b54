import { once } from "node:events";
import { describe, expect, it, vi } from "vitest";
import { LeaseLost, TransientFailure } from "../../contracts/failure.ts";
import { Cancelled, Lease, type Renewal } from "../../runner/lease.ts";

const renewed: Renewal = { outcome: "renewed", cancelRequested: false, cancelledBy: null };

function hold(leaseMs: number, renew: (count: number) => Promise<Renewal>): Lease {
  let count = 0;
  const next = (): Promise<Renewal> => renew((count += 1));
  return new Lease({ subject: "default/t a#1", leaseMs, sentAtMs: performance.now(), renew: next });
}

async function reasonOf(lease: Lease): Promise<unknown> {
  if (!lease.signal.aborted) await once(lease.signal, "abort");
  return lease.signal.reason;
}

describe("a lease", () => {
  it("is held as long as it is renewed", async () => {
    const lasting = deferred();
    const lease = hold(90, async (count) => {
      if (count === 6) lasting.resolve();
      return renewed;
    });
    await lasting.promise;
    expect(() => lease.check()).not.toThrow();
    expect(lease.holds()).toBe(true);
    lease.stop();
  });

  it("survives a failed renewal", async () => {
    const again = deferred();
    const lease = hold(150, async (count) => {
      if (count === 1) throw new TransientFailure("REDIS_UNAVAILABLE", "away");
      if (count === 4) again.resolve();
      return renewed;
    });
    await again.promise;
    expect(lease.signal.aborted).toBe(false);
    lease.stop();
  });

  it("is lost at its deadline when no renewal comes through, also one that never answers", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    try {
      const lease = hold(1_000, () => new Promise(() => undefined));
      await vi.advanceTimersByTimeAsync(890);
      expect(lease.holds()).toBe(true);
      await vi.advanceTimersByTimeAsync(20);
      expect(lease.signal.reason).toBeInstanceOf(LeaseLost);
      expect(() => lease.check()).toThrow(LeaseLost);
      expect(lease.holds()).toBe(false);
    } finally {
      vi.useRealTimers();
    }
  });

  it("is lost at once when another one has it", async () => {
    const lease = hold(90, async () => ({ outcome: "lease-lost" }));
    expect(await reasonOf(lease)).toBeInstanceOf(LeaseLost);
  });

  it("refuses the next effect after the loop was blocked past the deadline, before any timer could tell", () => {
    const lease = hold(40, async () => renewed);
    const until = performance.now() + 45;
    while (performance.now() < until);
    expect(() => lease.check()).toThrow(LeaseLost);
  });

  it("looks at once when it is told to, and once more where it was looking already", async () => {
    const answers: (() => void)[] = [];
    const lease = hold(60_000, () => new Promise((resolve) => answers.push(() => resolve(renewed))));
    lease.lookNow();
    lease.lookNow();
    expect(answers).toHaveLength(1);
    answers[0]?.();
    await vi.waitFor(() => expect(answers).toHaveLength(2), 10_000);
    lease.stop();
    lease.lookNow();
    expect(answers).toHaveLength(2);
  });

  it("passes the wish to cancel on, and can still be written under", async () => {
    const lease = hold(90, async () => ({ outcome: "renewed", cancelRequested: true, cancelledBy: "ada" }));
    expect(await reasonOf(lease)).toBeInstanceOf(Cancelled);
    expect(lease.holds()).toBe(true);
    lease.stop();
  });
});

function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  const controller = new AbortController();
  const promise = once(controller.signal, "abort").then(() => undefined);
  return { promise, resolve: () => controller.abort() };
}
