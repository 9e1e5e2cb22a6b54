// Who runs this command, for what policies decide about people: the user of this machine, and nothing that a flag can say.
import { userInfo } from "node:os";
import type { Identity } from "../contracts/approval.ts";

/**
 * Access to Redis is what lets a person in here; the name is the one under which the machine knows them. A container that
 * knows no name for its user is told by number.
 */
export function localIdentity(): Identity {
  return { kind: "local", name: localName() };
}

function localName(): string {
  try {
    return userInfo().username;
  } catch {
    // No entry for this user: the number is all that there is.
    return `uid-${process.getuid?.() ?? "unknown"}`;
  }
}
