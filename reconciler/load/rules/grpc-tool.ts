// Rules of a Tool of type grpc: its address, and that the method which its `.proto` describes can be called.
import { parseEndpoint } from "../../../contracts/grpc-endpoint.ts";
import type { ToolSpec } from "../../../contracts/kinds/tool.ts";
import { MANIFEST_LIMITS } from "../../../contracts/limits.ts";
import { type BrokenProto, findMethod } from "../../../contracts/proto/find-method.ts";
import { oneLine, shorten } from "../../plan/inert.ts";
import { quote } from "../finding.ts";
import { nearMatch } from "../near-match.ts";
import type { Remarks } from "./remarks.ts";

export function checkGrpc({ endpoint, grpc }: ToolSpec, remarks: Remarks): void {
  if (endpoint === undefined) {
    remarks.complain("", "a `grpc` tool needs an `endpoint`", "Without one it cannot be called.");
  } else if (parseEndpoint(endpoint) === undefined) {
    remarks.complain("/endpoint", "`endpoint` is no host and port", "Write it like `tools.example.com:443`.");
  }
  const { proto, service, method } = grpc ?? {};
  if (proto === undefined) return;
  if (service === undefined || method === undefined) {
    remarks.complain("/grpc", "`grpc.proto` needs `grpc.service` and `grpc.method`", "They name what of it is called.");
    return;
  }
  if (proto.length > MANIFEST_LIMITS.checkedProtoCharacters) {
    const detail = `With more than ${MANIFEST_LIMITS.checkedProtoCharacters} characters it is read at the first call. Leave out what the method does not need.`;
    remarks.remark("/grpc/proto", "`proto` is too long to be checked here", detail);
    return;
  }
  const found = findMethod({ proto, service, method });
  if (found.outcome === "broken") complainOf(found, found.field === "service" ? service : method, remarks);
}

const NAMES_SHOWN = 5;
/** It quotes what it does not understand. */
const LONGEST_WHY = 300;

function complainOf({ field, why: said, line, names = [] }: BrokenProto, named: string, remarks: Remarks): void {
  const why = shorten(oneLine(said), LONGEST_WHY);
  if (field === "proto") {
    remarks.complainInText("/grpc/proto", line, `\`proto\` cannot be read: ${why}`, "No call could be made of it.");
    return;
  }
  const near = nearMatch(named, names);
  const shown = names.slice(0, NAMES_SHOWN).map(quote);
  const all =
    names.length === 0
      ? ""
      : `There ${names.length === 1 ? "is" : "are"} ${shown.join(", ")}${names.length > NAMES_SHOWN ? ", …" : ""}.`;
  remarks.complain(`/grpc/${field}`, why, near === undefined ? all : `Did you mean ${quote(near)}?`);
}
