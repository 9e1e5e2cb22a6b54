// fast-check for every property: `npm test` plays the same cases each time, so that a red run speaks of the change and
// not of luck. `COUNTWHEEL_TEST_SEED` plays others; every night does (.github/workflows/nightly.yml).
import { configureGlobal } from "fast-check";

configureGlobal({ seed: Number(process.env["COUNTWHEEL_TEST_SEED"] ?? 20261129) });

export * from "fast-check";
