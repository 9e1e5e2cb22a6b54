// What git children may know of the machine. It comes from the host's configuration: nothing here reads the environment.

export interface GitSetup {
  /** The search path that git, and the ssh that git starts, are found on. */
  readonly path: string;
  /** The user's home folder. Only ssh gets it, for its keys and known hosts. */
  readonly home?: string;
  /** The socket of an ssh agent. */
  readonly sshAgent?: string;
  /** Of a push that is not let in yet: its objects lie apart until then. */
  readonly incoming?: IncomingObjects;
}

/** As git tells a pre-receive hook: absolute paths. */
export interface IncomingObjects {
  /** GIT_OBJECT_DIRECTORY, which is GIT_QUARANTINE_PATH as well. */
  readonly folder: string;
  /** GIT_ALTERNATE_OBJECT_DIRECTORIES: what the repository holds already. */
  readonly alternates: string;
}
