// Tells of text in a document that is most likely a credential, where no field says so. No value is ever part of a message.
import { type LikelyCredential, NO_CREDENTIAL } from "../../contracts/likely-credential.ts";
import type { Manifest } from "../../contracts/manifest.ts";
import type { DocumentReader } from "./document-reader.ts";

/** What a PLAINTEXT_SECRET tells already is not told again. */
export function reportCredentials(
  reader: DocumentReader,
  manifest: Manifest | undefined,
  credentials: readonly LikelyCredential[],
): void {
  if (credentials.length === 0) return;
  const told = reader.findings.filter(({ code }) => code === "PLAINTEXT_SECRET").map(({ span }) => span);
  const harmless = (manifest?.metadata.annotations[NO_CREDENTIAL] ?? "").split(",").map((text) => text.trim());
  for (const { what, shown, fingerprint, start, end } of credentials) {
    if (harmless.includes(fingerprint) || told.some((span) => span.start < end && start < span.end)) continue;
    const summary = `what looks like ${what} stands in plain text (\`${shown}\`)`;
    reader.complain("LIKELY_CREDENTIAL", { start, end }, summary, howToMend(fingerprint));
  }
}

function howToMend(fingerprint: string): string {
  return `Anybody who can read the repository has it, in its history too: change it where it was issued. Then name it by a Secret, with \`from.<key>.env\` or sealed by \`countwheel secret seal\`. If it is none, say so in an annotation of the manifest: \`${NO_CREDENTIAL}: "${fingerprint}"\`.`;
}
