// What work costs, whatever else the machine does meanwhile: time on a clock says more of the others.

/** Answers milliseconds of processor time that this process has used since. */
export function cpuClock(): () => number {
  const since = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(since);
    return (user + system) / 1_000;
  };
}
