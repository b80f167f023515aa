// Attacks a real gateway by every way that a stranger has, and prints what honest clients next to it see.
// npm run test:hostile -- [--only TEXT]... [--seconds 8] [--mode FailClose|FailOpen] [--tries 2] [--list]
import { parseArgs } from "node:util";
import { wantedBars } from "./bars.ts";
import { attacks, runCampaign } from "./campaign.ts";

const { values } = parseArgs({
  options: {
    only: { type: "string", multiple: true, default: [""] },
    seconds: { type: "string", default: "8" },
    tries: { type: "string", default: "2" },
    mode: { type: "string" },
    list: { type: "boolean", default: false },
  },
});
const chosen = attacks.filter(({ name, way }) =>
  values.only.some((text) => `${way}: ${name}`.includes(text)),
);
const seconds = Math.min(600, Math.max(1, Number(values.seconds) || 8));
const tries = Math.min(5, Math.max(1, Number(values.tries) || 2));
const mostMinutes = 60;
const print = (line: string) => void process.stdout.write(`${line}\n`);

if (values.list) for (const { name, way } of chosen) print(`${way}: ${name}`);
else process.exitCode = await campaign();

async function campaign(): Promise<number> {
  const ending = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => ending.abort());
  const failureModes = (["FailClose", "FailOpen"] as const).filter(
    (each) => values.mode === undefined || each === values.mode,
  );
  const outcomes = await runCampaign({
    ...{
      attacks: chosen,
      failureModes,
      seconds,
      settleSeconds: 20,
      bars: wantedBars,
      tries,
      print,
    },
    signal: AbortSignal.any([ending.signal, AbortSignal.timeout(mostMinutes * 60_000)]),
  });
  const bad = outcomes.filter(({ missed }) => missed.length > 0);
  print(`\n${outcomes.length} attacks, ${bad.length} with a bar that is missed`);
  for (const { name, measured } of bad) {
    if (measured.failures.length > 0) print(`  ${name}: ${measured.failures.join(" | ")}`);
  }
  const isWhole = outcomes.length === chosen.length * failureModes.length;
  if (!isWhole) print("the campaign was ended before all attacks were tried");
  return bad.length === 0 && isWhole ? 0 : 1;
}
