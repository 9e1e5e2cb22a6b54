// What a manifest may ask of a container: its image, its network, its variables and its processors. Pure; the same rules for
// the check of manifests and the runner.

const IMAGE = /^[A-Za-z0-9][A-Za-z0-9._/:@-]{0,511}$/;
/** Podman takes these for places that an image is read from: files of this machine among them. */
const TRANSPORT =
  /^(?:docker|docker-archive|docker-daemon|oci|oci-archive|dir|containers-storage|ostree|sif|tarball|atomic):|:\//;

export function isImageName(text: string): boolean {
  return IMAGE.test(text) && !TRANSPORT.test(text);
}

/** `none`, `bridge`, `host`, or one that the engine knows by its name; never that of another container (`container:…`). */
export function isNetworkName(text: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/.test(text);
}

/** A number of processors, such as `0.5`. */
export function isProcessorCount(text: string): boolean {
  return /^[0-9]{1,4}(?:\.[0-9]{1,3})?$/.test(text);
}

const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** Values go through the environment of the client, which would heed these itself. */
const HEEDED =
  /^(?:PATH|HOME|USER|LOGNAME|TMPDIR|NOTIFY_SOCKET|REGISTRY_AUTH_FILE|SSH_.*|LD_.*|DYLD_.*|DOCKER_.*|_?CONTAINERS?_.*|PODMAN_.*|BUILDAH_.*|STORAGE_.*|LISTEN_.*|XDG_.*|GO[A-Z]+|SSL_CERT_.*|(?:HTTPS?|NO|ALL|FTP)_PROXY)$/iu;

/** Why a container cannot be given the variable; undefined: it can. */
export function variableProblem(variable: string): string | undefined {
  if (!VARIABLE.test(variable)) return `\`${variable}\` is no name of a variable`;
  if (HEEDED.test(variable))
    return `the engine's client would heed \`${variable}\` itself; set it in the image, or by \`args\``;
  return undefined;
}
