import { expect, it } from "vitest";
import { runnerFacts } from "../../runner/described.ts";

const described = {
  region: "eu",
  capabilities: { gpu: true, supported_models: ["llama"] },
  max_concurrent_tasks: 7,
};

it("takes from its Worker manifest what it was not started with", () => {
  expect(runnerFacts({ region: "us", models: [] }, described)).toEqual({
    concurrency: 7,
    announced: { region: "us", gpu: true, models: [] },
  });
});

it("has no region, no GPU and all models where nobody says otherwise", () => {
  expect(runnerFacts({}, undefined)).toEqual({ concurrency: 4, announced: { gpu: false, models: [] } });
});
