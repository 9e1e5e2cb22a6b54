// A second thread that reads files: bytes in, known files as text out. Started by mate.ts alone.
import { parentPort } from "node:worker_threads";
import { renderKnownFile } from "../cache/known-file-text.ts";
import { readKnownFile } from "../known-file.ts";
import { runAtOnce } from "../pacer.ts";
import { createReadingKit } from "../read-file.ts";
import type { Batch, MateMessage } from "./mate.ts";

const kit = createReadingKit();
const answer = (message: MateMessage): void => parentPort?.postMessage(message);

parentPort?.on("message", ({ bytes, lengths }: Batch) => {
  let at = 0;
  const texts = lengths.map((length) => {
    at += length;
    return renderKnownFile(runAtOnce(readKnownFile(bytes.subarray(at - length, at), kit)));
  });
  answer(texts);
});
answer("ready");
