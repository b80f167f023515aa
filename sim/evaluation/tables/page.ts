import { markdownOf, type Table } from "./table.ts";

/** What the page says above its tables. Whoever writes the page replaces all of it. */
const introduction = `# How often a verdict is wrong

Written by \`npm run sim:evaluation -- --page\`: do not edit.
Each number is a share of simulated evaluations.
Traffic and truth are drawn from known processes, and the samples go through the same judge as live ones: every 5 s, as a sidecar does by default, or once at the planned end where only a PASS can be wrong.
Interim analyses in which no gate's estimate is over its margin are left out, because no gate can fail in them.
A shadow at the margin of a gate is judged by that gate alone, at the error that it has among all of them.
Nothing but the traffic is simulated: pairing, gates, checks and verdict are the product's own.

Unless a row says otherwise a run has 30 min of 2 mirrored requests a second with a warm-up of 2 min.
TTFT is log-normal (standard deviation 0.6 of its logarithm); the log ratio of a pair has a standard deviation of 0.35.
"Load 20 s" is load of each lane on its own, with a memory of 20 s (an Ornstein-Uhlenbeck process), that makes 30 % of the variance of the log ratio.
Rows that begin with a kind of traffic, such as \`independent:\` or \`spread 1.0:\`, have just that; bursts, the daily curve and all other rows have load of 5 s.

"not run" means that this combination was not simulated, and "–" that the gate was not judged or that too few runs decide.
Columns of which nothing was simulated are left out, even if the text above the table names them.

A sample is known when both of its legs have ended.
The slowest of the last seconds are missing at the planned end; a sidecar waits for them.
`;

/** The page of the documentation: the run that made it, and its tables. */
export function pageOf(run: string, tables: readonly Table[]): string {
  return `${introduction}\n${run}\n\n${tables.map(markdownOf).join("\n")}`.replaceAll(
    "### ",
    "## ",
  );
}
