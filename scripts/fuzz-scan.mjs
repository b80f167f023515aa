// Holds the scan of request bodies to what JSON.parse says, on made texts of a seed. `npm run fuzz:scan -- --help`
import { parseArgs } from "node:util";
import { compareOne, noCounts } from "../packages/openai/test/fuzz/compare-scan.ts";
import { randomOf } from "../packages/openai/test/fuzz/json-texts.ts";

const { values } = parseArgs({
  options: {
    count: { type: "string", default: "5000000" },
    seconds: { type: "string", default: "600" },
    seed: { type: "string", default: String(Date.now() % 1_000_000_000) },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  process.stdout.write(
    `npm run fuzz:scan -- [--seed N] [--count N] [--seconds N]

Makes request bodies, good and bad, and compares what the scan and JSON.parse say of them. Ends at the
first difference, after --count texts (${"5,000,000"}) or after --seconds (600). The same seed makes the same texts.
`,
  );
} else {
  const [seed, count, seconds] = [values.seed, values.count, values.seconds].map(Number);
  const random = randomOf(seed);
  const counts = noCounts();
  const end = performance.now() + seconds * 1_000;
  let made = 0;
  let difference;
  while (difference === undefined && made < count && performance.now() < end) {
    for (let i = 0; i < 1_000 && difference === undefined && made < count; i++) {
      difference = compareOne(random, counts);
      made++;
    }
  }
  const { objects, otherTypes, invalid, tooDeep, edited } = counts;
  process.stdout.write(
    `seed ${seed}: ${made.toLocaleString("en")} texts: ${objects} objects (${edited} of them edited), ` +
      `${otherTypes} of another type, ${invalid} no JSON, ${tooDeep} too deep\n`,
  );
  if (difference === undefined) process.stdout.write("the scan and JSON.parse agree on all\n");
  else {
    process.stderr.write(`text ${made}: ${difference}\n`);
    process.exitCode = 1;
  }
}
