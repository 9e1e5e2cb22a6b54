// What git children may know of the machine. It comes from the host's configuration: nothing here reads the environment.

export interface GitSetup {
  /** The search path that git, and the ssh that git starts, are found on. */
  readonly path: string;
  /** The user's home folder. Only ssh gets it, for its keys and known hosts. */
  readonly home?: string;
  /** The socket of an ssh agent. */
  readonly sshAgent?: string;
}
