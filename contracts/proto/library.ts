// The parser of protocol buffers, loaded when a manifest has some: few do, and it takes as long as all else of a small plan.
// A build puts a plain `require` in the place of this file (precompile.mjs), the only form that a bundler can follow and that
// still loads at its call, without an await: what reads manifests does not wait in the middle of one.
import { createRequire } from "node:module";
import type protobuf from "protobufjs";

export function loadProtobuf(): typeof protobuf {
  return createRequire(import.meta.url)("protobufjs");
}
