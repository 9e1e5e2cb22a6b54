// `npm run chaos`: every chaos case as one run, those included that are too long for `npm test`. At most six minutes on
// two cores.
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/chaos/**/*.test.ts", "test/**/*.chaos.ts", "test/sim/simulate.test.ts"],
    globalSetup: ["test/build.ts"],
    testTimeout: 120_000,
    hookTimeout: 60_000,
    // Of what comes in a moment, on a machine that may be busy.
    expect: { poll: { timeout: 10_000 } },
    maxWorkers: 2,
  },
});
