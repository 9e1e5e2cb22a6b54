// A Podman for tests of containers, brought by apt into the user's cache with a folder of images of its own: nothing of the
// system is touched. And an image that holds an MCP server in shell.
import { execFile } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { describe } from "vitest";
import { ownerName } from "../runner/processes/owner.ts";
import { fetchPackages } from "./debian-packages.ts";

const run = promisify(execFile);
const CACHE = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "countwheel", "podman");
const OWN = process.env["PATH"] ?? "";
const PACKAGES = [
  "podman",
  "conmon",
  "runc",
  "golang-github-containers-common",
  "golang-github-containers-image",
  "libgpgme11",
  "libassuan0",
  "libsubid4",
  "libyajl2",
  "libseccomp2",
  "libdevmapper1.02.1",
  "busybox-static",
];

export const IMAGE = "localhost/countwheel-test:1";

/** Tells, for each call, what it sees: its variables, its file, its network, what it may write and do. */
const LOOK = `
echo "token $TOKEN"
echo "file $TOKEN_FILE $(busybox cat "$TOKEN_FILE" 2>&1)"
echo "file-write $( (echo x > "$TOKEN_FILE") 2>&1 )"
echo "root-write $( (echo x > /here) 2>&1 )"
echo "tmp-write $( (echo x > /tmp/here && busybox cat /tmp/here) 2>&1 )"
echo "user $(busybox id -u)"
echo "network $(busybox ls /sys/class/net | busybox tr '\\n' ' ')"
echo "capabilities $(busybox grep CapBnd /proc/self/status | busybox cut -f2)"
echo "no-new-privileges $(busybox grep NoNewPrivs /proc/self/status | busybox cut -f2)"
echo "pids $(busybox cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null)"
`;

const SERVER = `#!/bin/sh
[ "$1" = stubborn ] && trap '' TERM
while read -r line; do
  id=$(echo "$line" | busybox sed -n 's/.*"id":\\([0-9]*\\).*/\\1/p')
  case "$line" in
    *'"initialize"'*) echo '{"jsonrpc":"2.0","id":'$id',"result":{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"busy","version":"1"}}}' ;;
    *'"tools/list"'*) echo '{"jsonrpc":"2.0","id":'$id',"result":{"tools":[{"name":"look","inputSchema":{"type":"object"}}]}}' ;;
    *'"tools/call"'*) text=$(sh /look.sh | busybox base64 | busybox tr -d '\\n')
      echo '{"jsonrpc":"2.0","id":'$id',"result":{"content":[{"type":"text","text":"'"$text"'"}]}}' ;;
  esac
done
[ "$1" = stubborn ] && busybox sleep 1000
exit 0
`;

/** A PATH with it; undefined: this machine cannot get one, or nobody may make containers here. */
export const PODMAN_PATH = await findPath();

/** Skips its tests, and says so, where no container can be run. */
export const describeWithPodman =
  PODMAN_PATH === undefined
    ? (name: string, tests: () => void): unknown => describe.skip(`${name} (no podman that works here)`, tests)
    : describe;

/** What the client sees. */
export function podman(...words: readonly string[]): Promise<{ readonly stdout: string }> {
  return run("podman", [...words], { env: { PATH: PODMAN_PATH ?? "" }, timeout: 30_000 });
}

/** Names of containers that this process has made. */
export async function ownContainers(): Promise<string[]> {
  const { stdout } = await podman("ps", "--all", "--format", "{{.Names}}");
  return stdout.split("\n").filter((name) => name.includes(ownerName()));
}

async function findPath(): Promise<string | undefined> {
  const path = [join(CACHE, "bin"), OWN].join(delimiter);
  const isReady = async (): Promise<boolean> =>
    run("podman", ["image", "exists", IMAGE], { env: { PATH: path }, timeout: 30_000 }).then(
      () => true,
      () => false,
    );
  if (await isReady()) return (await works(path)) ? path : undefined;
  if (process.platform !== "linux" || process.getuid?.() !== 0) return undefined;
  await fetchPackages(CACHE, PACKAGES, settle).catch(() => undefined);
  await makeImage(path).catch(() => undefined);
  return (await works(path)) ? path : undefined;
}

async function works(path: string): Promise<boolean> {
  const words = [
    "run",
    "--rm",
    "--pull",
    "never",
    "--network",
    "none",
    "--log-driver",
    "none",
    "--entrypoint",
    "/bin/busybox",
    IMAGE,
    "true",
  ];
  return run("podman", words, { env: { PATH: path }, timeout: 30_000 }).then(
    () => true,
    () => false,
  );
}

/** Everything that it would look for in the system, at the place that it is about to get. */
async function settle(work: string): Promise<void> {
  const [libraries = ""] = (await readdir(join(work, "root/usr/lib"))).filter((name) => name.endsWith("-linux-gnu"));
  const root = join(CACHE, "root");
  const write = async (file: string, text: string): Promise<void> => {
    await mkdir(join(work, file, ".."), { recursive: true });
    await writeFile(join(work, file), text);
    if (file.startsWith("bin/")) await chmod(join(work, file), 0o755);
  };
  const found = `LD_LIBRARY_PATH='${root}/usr/lib/${libraries}'`;
  const settings = `CONTAINERS_CONF='${CACHE}/containers.conf' CONTAINERS_STORAGE_CONF='${CACHE}/storage.conf'`;
  const options = `--cgroup-manager=cgroupfs --events-backend=file --conmon '${CACHE}/bin/conmon' --runtime '${CACHE}/bin/runc'`;
  await write(
    "bin/podman",
    `#!/bin/sh\nexport HOME='${CACHE}/home' ${found} ${settings}\nexec '${root}/usr/bin/podman' ${options} "$@"\n`,
  );
  // What an ended container leaves is tidied up by a client that is started with hardly any environment.
  await write("bin/conmon", `#!/bin/sh\nexport ${found}\nexec '${root}/usr/bin/conmon' "$@"\n`);
  await write("bin/runc", `#!/bin/sh\nexport ${found}\nexec '${root}/usr/sbin/runc' "$@"\n`);
  await write("home/.config/containers/policy.json", '{"default":[{"type":"insecureAcceptAnything"}]}');
  await write("storage.conf", `[storage]\ndriver="vfs"\ngraphroot="${CACHE}/storage"\nrunroot="${CACHE}/run"\n`);
  const limits = `default_ulimits=["nofile=1024:4096","nproc=4096:4096"]\nseccomp_profile="${root}/usr/share/containers/seccomp.json"`;
  await write(
    "containers.conf",
    `[containers]\n${limits}\n[engine]\nconmon_path=["${CACHE}/bin/conmon"]\nruntime="runc"\n[engine.runtimes]\nrunc=["${CACHE}/bin/runc"]\n`,
  );
}

async function makeImage(path: string): Promise<void> {
  const content = await mkdtemp(`${CACHE}-image-`);
  try {
    // The root of its disk, which its user is to enter.
    await chmod(content, 0o755);
    await mkdir(join(content, "bin"));
    await run("cp", [join(CACHE, "root/bin/busybox"), join(content, "bin/busybox")]);
    await run("ln", ["-s", "busybox", join(content, "bin/sh")]);
    await writeFile(join(content, "look.sh"), LOOK);
    await writeFile(join(content, "server.sh"), SERVER);
    await run("tar", ["-C", content, "-cf", join(content, "..", "image.tar"), "."]);
    const changes = ["ENV PATH=/bin", "USER 1000", 'ENTRYPOINT ["/bin/sh", "/server.sh"]'];
    const words = [
      "import",
      ...changes.flatMap((change) => ["--change", change]),
      join(content, "..", "image.tar"),
      IMAGE,
    ];
    await run("podman", words, { env: { PATH: path }, timeout: 60_000 });
  } finally {
    await rm(content, { recursive: true, force: true });
    await rm(join(CACHE, "..", "image.tar"), { force: true });
  }
}
