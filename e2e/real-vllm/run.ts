// Runs Umbra in front of real vLLM servers that run already, and prints what was tried and seen.
// npm run test:real-vllm -- --primary HOST:PORT,… --shadow HOST:PORT,… --model NAME [--adapters A,B] [--key-file FILE] [--long-seconds 70]
// With --control HOST:PORT,… (the primary's model) and --other HOST:PORT,… (another model of the same name), what they say
// is judged; with --only-outputs, nothing else is tried.
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { freePorts } from "../harness/ports.ts";
import { startUmbra } from "../harness/processes.ts";
import { until } from "../harness/until.ts";
import type { Check } from "./check.ts";
import {
  adaptersAreServed,
  answersAreEqual,
  endpointsAreRead,
  keyIsAsked,
  longAnswerEnds,
  type Setting,
  twinsArePaired,
} from "./checks.ts";
import { answersAreJudged } from "./outputs.ts";

const { values } = parseArgs({
  options: {
    primary: { type: "string" },
    shadow: { type: "string" },
    model: { type: "string" },
    adapters: { type: "string", default: "" },
    "key-file": { type: "string" },
    "long-seconds": { type: "string", default: "70" },
    requests: { type: "string", default: "120" },
    control: { type: "string" },
    other: { type: "string" },
    "only-outputs": { type: "boolean", default: false },
  },
});
const { primary, shadow, control, other, model, adapters } = values;
if (primary === undefined || model === undefined) {
  process.stderr.write("test:real-vllm needs --primary HOST:PORT[,HOST:PORT…] and --model NAME\n");
  process.exit(2);
}
if (values["only-outputs"]) {
  if (!(await tryOutputs(primary, model))) process.exit(1);
  process.exit(0);
}
const keyFile = values["key-file"];
const key = keyFile === undefined ? undefined : readFileSync(keyFile, "utf8").trim();
const withKey = key === undefined ? {} : { key };
const [http, admin, envoyAdmin] = await freePorts(3);
const umbra = startUmbra(
  "up",
  ...["--primary", primary, "--bind", "127.0.0.1", "--listener", `http=${http}`],
  ...["--admin", `127.0.0.1:${admin}`, "--envoy-admin", `127.0.0.1:${envoyAdmin}`, "--no-restart"],
  ...(shadow === undefined ? [] : ["--shadow", shadow]),
  ...(keyFile === undefined ? [] : ["--endpoint-key-file", keyFile]),
);
const setting: Setting = {
  gateway: { origin: `http://127.0.0.1:${http}`, ...withKey },
  direct: { origin: `http://${primary.split(",")[0]}`, ...withKey },
  admin: `http://127.0.0.1:${admin}`,
  model,
  adapters: adapters.split(",").filter((name) => name !== ""),
  longSeconds: Number(values["long-seconds"]),
};

try {
  await until("Umbra is ready", isReady, 60_000);
  const checks: Check[] = [];
  const add = async (check: Promise<Check>) => {
    const done = await check;
    checks.push(done);
    print(done);
  };
  await add(answersAreEqual(setting));
  await add(adaptersAreServed(setting, Number(values.requests)));
  await add(keyIsAsked(setting));
  await add(longAnswerEnds(setting));
  await add(endpointsAreRead(setting));
  if (shadow !== undefined) await add(twinsArePaired(setting, 30_000));
  const isJudged = other === undefined || (await tryOutputs(primary, model));
  process.exitCode = isJudged && checks.every(({ isOk }) => isOk) ? 0 : 1;
} catch (cause) {
  process.stderr.write(`${String(cause)}\n${umbra.output().slice(-4_000)}\n`);
  process.exitCode = 1;
} finally {
  await umbra.stop();
}

function print({ name, isOk, seen }: Check): void {
  process.stdout.write(`${isOk ? "ok    " : "FAILED"} ${name}: ${seen}\n`);
}

/** Returns whether all went well. */
async function tryOutputs(primary: string, model: string): Promise<boolean> {
  if (shadow === undefined || control === undefined || other === undefined) {
    throw new Error("judging answers needs --shadow, --control and --other");
  }
  const pools = { primary, same: shadow, control, other };
  const checks = await answersAreJudged({ pools, model, count: Number(values.requests) });
  for (const check of checks) print(check);
  return checks.every(({ isOk }) => isOk);
}

async function isReady(): Promise<boolean> {
  if (umbra.process.exitCode !== null) throw new Error("umbra up has ended");
  try {
    return (await fetch(`http://127.0.0.1:${admin}/readyz`)).status === 200;
  } catch {
    // It does not listen yet.
    return false;
  }
}
