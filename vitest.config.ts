import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/build.ts"],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Of what comes in a moment, on a machine that may be busy.
    expect: { poll: { timeout: 10_000 } },
    // Files of one worker share their modules: reading them anew for each took a quarter of the time. So no test may leave
    // anything in a module, in the environment or in a global; most real things are processes, servers and folders anyway.
    isolate: false,
    // One more than two cores: a test often waits, for a process, a lease or an answer.
    maxWorkers: 3,
  },
});
