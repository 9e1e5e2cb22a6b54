// A runner as a process of its own that claims an activation, tells so, and then hangs in it until it is killed.
import { connectRedis } from "../../store/connect.ts";
import { claimActivation } from "../../store/scripts/claim.ts";
import { renewLease } from "../../store/scripts/renew.ts";
import { startActivationWorker } from "../../store/worker.ts";

const [url = "", env = "", leaseText = ""] = process.argv.slice(2);
const leaseMs = Number(leaseText);
const redis = connectRedis(url, "worker");
startActivationWorker({
  redis,
  env,
  concurrency: 1,
  announced: { gpu: false, models: [] },
  leaseMs,
  process: async (job) => {
    const claim = await claimActivation(redis, { ...job, holder: "child", leaseMs });
    if (claim.outcome !== "claimed") return;
    const renewal = { ...job, holder: "child", epoch: claim.epoch, leaseMs };
    setInterval(() => void renewLease(redis, renewal), leaseMs / 3);
    process.stdout.write(`${job.activation}\n`);
    await new Promise(() => undefined);
  },
});
