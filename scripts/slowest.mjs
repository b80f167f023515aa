/** The ten test files that took longest, as lines; of a run of one file there is nothing to say. */
export function slowest(files) {
  if (files.length < 2) return "";
  const lines = files
    .toSorted((a, b) => b.ms - a.ms)
    .slice(0, 10)
    .map(({ file, ms }) => `${(ms / 1000).toFixed(1).padStart(7)} s  ${file}\n`);
  return `\nThe slowest files:\n${lines.join("")}`;
}
