// The name of the file that says how careful the reconciler is. It is no manifest, and lies among them where the set's root
// is the repository's.
export const SETTINGS_FILE = "countwheel.yaml";
