// A second thread that reads files: bytes in, known files as text out. Started by read-crew.ts alone.
import { parentPort } from "node:worker_threads";
import { renderKnownFile } from "../cache/known-file-text.ts";
import { readKnownFile } from "../known-file.ts";
import { runAtOnce } from "../pacer.ts";
import { createReadingKit } from "../read-file.ts";

const kit = createReadingKit();

/** One batch at a time: the files of a batch in, their texts in the same order out. */
parentPort?.on("message", (files: readonly Uint8Array[]) => {
  parentPort?.postMessage(files.map((bytes) => renderKnownFile(runAtOnce(readKnownFile(bytes, kit)))));
});
