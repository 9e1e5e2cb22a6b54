// Opens a person's browser at an address, where this machine has a way to. Whether it worked is for the person to see.
import { spawn } from "node:child_process";

/** The address of a server: https, or this machine. It is one argument, and no shell reads it. */
export function openBrowser(url: string, variables: Readonly<Record<string, string>>): void {
  const [command, ...args] = OPENERS[process.platform] ?? ["xdg-open"];
  const child = spawn(command, [...args, url], { detached: true, stdio: "ignore", env: displayOf(variables) });
  // None there: the address was printed, too.
  child.once("error", () => undefined);
  child.unref();
}

type Opener = readonly [command: string, ...args: string[]];

const OPENERS: Readonly<Record<string, Opener>> = {
  darwin: ["open"],
  win32: ["rundll32", "url.dll,FileProtocolHandler"],
};

/** By which a browser finds its screen and its settings. It is told nothing else of what this process knows. */
const HANDED_ON =
  /^(?:PATH|HOME|USER|LANG|BROWSER|DISPLAY|WAYLAND_DISPLAY|XAUTHORITY|XDG_\w+|DBUS_SESSION_BUS_ADDRESS|SystemRoot)$/u;

function displayOf(variables: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(variables).filter(([name]) => HANDED_ON.test(name)));
}
