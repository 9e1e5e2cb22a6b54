// Rules of Secrets, and the check that no credential stands in Git in plain text. No value is ever part of a message.
import type { SecretSpec } from "../../../contracts/kinds/secret.ts";
import type { Manifest } from "../../../contracts/manifest.ts";
import { readSealedText } from "../../../contracts/sealed-text.ts";
import { readSecretPath } from "../../../contracts/secret-path.ts";
import { escapePointer, sensitivePaths } from "../../../contracts/sensitive.ts";
import { quote } from "../finding.ts";
import type { Remarks } from "./remarks.ts";

export function checkSecret(spec: SecretSpec, remarks: Remarks): void {
  for (const [key, value] of Object.entries(spec.data ?? {})) {
    const pointer = `/data/${escapePointer(key)}`;
    if (value === "") remarks.complain(pointer, `${quote(key)} is empty`);
    else if (!isBase64(value))
      remarks.complain(pointer, `${quote(key)} is not base64`, "Plain text goes into `stringData`.");
  }
  for (const [key, value] of Object.entries(spec.string_data ?? {})) {
    if (value === "") remarks.complain(`/string_data/${escapePointer(key)}`, `${quote(key)} is empty`);
  }
  for (const [key, text] of Object.entries(spec.sealed ?? {})) checkSealed(key, text, remarks);
  for (const [key, origin] of Object.entries(spec.from ?? {})) checkOrigin(key, origin, remarks);
}

type Origin = NonNullable<SecretSpec["from"]>[string];

function checkOrigin(key: string, { env, file, sops, path }: Origin, remarks: Remarks): void {
  const pointer = `/from/${escapePointer(key)}`;
  if ([env, file, sops].filter((place) => place !== undefined).length !== 1)
    remarks.refuse(pointer, `${quote(key)} needs \`env\`, \`file\` or \`sops\`, one of them`);
  if (path === undefined) return;
  if (sops === undefined) remarks.refuse(`${pointer}/path`, "`path` is a place in a file of `sops`, and there is none");
  else if (readSecretPath(path) === undefined)
    remarks.refuse(`${pointer}/path`, `${quote(path)} is no path`, "Write `db.password`, or `/db/password`.");
}

function checkSealed(key: string, text: string, remarks: Remarks): void {
  const sealed = readSealedText(text);
  if (sealed.outcome === "sealed") return;
  const detail = "`countwheel secret seal` makes what belongs here; `age -a -r age1…` does, too.";
  remarks.refuse(`/sealed/${escapePointer(key)}`, `${quote(key)} is not sealed with age: ${sealed.why}`, detail);
}

function isBase64(text: string): boolean {
  const bare = text.replace(/\s+/g, "");
  return bare.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(bare);
}

export interface PlaintextSecret {
  readonly pointer: string;
  readonly summary: string;
  readonly detail: string;
}

export function findPlaintextSecrets(manifest: Manifest): PlaintextSecret[] {
  return sensitivePaths(manifest).map((pointer) => ({
    pointer,
    summary: `${manifest.kind} ${quote(manifest.metadata.name)} holds a credential in plain text (\`${field(pointer)}\`)`,
    detail:
      manifest.kind === "Secret"
        ? "Anybody who can read the repository has it. Write `from.<key>` with `env`, `file` or `sops`, or seal it with `countwheel secret seal`; and change the credential."
        : "Anybody who can read the repository has it. Put it into a Secret, name that with `secretRef`, and change it.",
  }));
}

function field(pointer: string): string {
  return pointer.slice(1).replaceAll("/", ".").replaceAll("~1", "/").replaceAll("~0", "~");
}
