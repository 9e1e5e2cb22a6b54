// Where a Secret that an MCP server gets as a file is seen by the server: an absolute path, or the name of a file. Pure.

/** No `..`, and nothing that means something to those who bind it: commas, colons, quotes, white space. */
const MOUNT_PATH = /^(?:\/?(?!\.{1,2}(?:\/|$))[\w.@+=-]+)(?:\/(?!\.{1,2}(?:\/|$))[\w.@+=-]+)*$/;
const MAX_LENGTH = 255;

/** A path with folders is absolute. */
export function isMountPath(text: string): boolean {
  if (text.length > MAX_LENGTH || !MOUNT_PATH.test(text)) return false;
  return text.startsWith("/") ? !/^\/(?:proc|sys|dev)\//.test(text) : !text.includes("/");
}

/** In a sandbox or a container. A name alone lies where secrets usually do. */
export function mountPlace(mountPath: string): string {
  return mountPath.startsWith("/") ? mountPath : `/run/secrets/${mountPath}`;
}
