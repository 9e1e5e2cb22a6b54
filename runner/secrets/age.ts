// Seals values for age recipients, and opens them with age identities. The only file that knows the library.
import type { Identity } from "age-encryption";

/** 130 ms to import: only where something is sealed or opened. */
const loadAge = () => import("age-encryption");

export interface AgeIdentity {
  /** `AGE-SECRET-KEY-1…` */
  readonly identity: string;
  /** `age1…` */
  readonly recipient: string;
}

export async function makeIdentity(): Promise<AgeIdentity> {
  const age = await loadAge();
  const identity = await age.generateX25519Identity();
  return { identity, recipient: await age.identityToRecipient(identity) };
}

export type SealAnswer =
  | { readonly outcome: "sealed"; readonly armored: string }
  | { readonly outcome: "bad-recipient"; readonly recipient: string };

export async function sealFor(recipients: readonly string[], text: string): Promise<SealAnswer> {
  const age = await loadAge();
  const encrypter = new age.Encrypter();
  for (const recipient of recipients) {
    try {
      encrypter.addRecipient(recipient);
    } catch {
      return { outcome: "bad-recipient", recipient };
    }
  }
  return { outcome: "sealed", armored: age.armor.encode(await encrypter.encrypt(text)) };
}

export type OpenAnswer =
  | { readonly outcome: "opened"; readonly text: string }
  /** None of the identities is a recipient. */
  | { readonly outcome: "not-for-us" }
  /** It was sealed for one of them, and changed since; or it is no text. */
  | { readonly outcome: "damaged" }
  /** The identity at this position is none. */
  | { readonly outcome: "bad-identity"; readonly index: number };

export async function openWith(identities: readonly string[], bytes: Uint8Array): Promise<OpenAnswer> {
  const age = await loadAge();
  const decrypter = new age.Decrypter();
  for (const [index, identity] of identities.entries()) {
    try {
      decrypter.addIdentity(identity);
    } catch {
      return { outcome: "bad-identity", index };
    }
  }
  // Identities are tried in order: this one is asked only where none before it could.
  let wasAsked = false;
  const last: Identity = {
    unwrapFileKey: () => {
      wasAsked = true;
      return null;
    },
  };
  decrypter.addIdentity(last);
  try {
    const opened = await decrypter.decrypt(bytes);
    return { outcome: "opened", text: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(opened) };
  } catch {
    return { outcome: wasAsked ? "not-for-us" : "damaged" };
  }
}
