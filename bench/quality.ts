// Scheduling policies on simulated servers, on a virtual clock: the same seed prints the same bytes.
// `npm run bench:quality [-- --seed 1 --seconds 300 --scrape-interval 100 --only chat,lora --policy umbra,random --markdown | --json]`
import { parseArgs } from "node:util";
import { type Outcome, play } from "./quality/play.ts";
import { policies } from "./quality/policies.ts";
import { tableOf } from "./quality/table.ts";
import { workloads } from "./quality/workloads.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    seconds: { type: "string", default: "330" },
    "scrape-interval": { type: "string", default: "100" },
    only: { type: "string" },
    policy: { type: "string" },
    markdown: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
  },
});
const wanted = (list: string | undefined, name: string) =>
  list === undefined || list.split(",").includes(name);

const options = {
  seed: Number(values.seed),
  seconds: Number(values.seconds),
  scrapeEveryMs: Number(values["scrape-interval"]),
};
const all: Outcome[] = [];
for (const workload of workloads.filter(({ name }) => wanted(values.only, name))) {
  const outcomes = policies
    .filter(({ name }) => wanted(values.policy, name))
    .map((policy) => play(workload, policy, options));
  all.push(...outcomes);
  if (!values.json) process.stdout.write(`${tableOf(workload, outcomes, values.markdown)}\n`);
}
if (values.json) process.stdout.write(`${JSON.stringify(all, null, 2)}\n`);
