import { type Pair, renderReportText, type ShadowReport } from "@umbra/shadow";
import type { Command } from "commander";
import { checkLines } from "../checks-table.ts";
import { type LaneBehaviour, type LaneServers, startLaneServers } from "../demo/lane-servers.ts";
import { type LaneSpread, roundRobin, spreadOf, spreadTable, sumOf } from "../demo/spread.ts";
import { mixedTraffic } from "../demo/traffic.ts";
import { obtainEnvoy } from "../envoy/find-envoy.ts";
import { CommandError, UsageError } from "../errors.ts";
import { commandOf } from "../flags.ts";
import type { Io } from "../io.ts";
import { isReady, queryAdmin } from "../process/admin-client.ts";
import { type Child, startChild } from "../process/child.ts";
import { freePorts } from "../process/free-port.ts";
import { ownCommand } from "../process/own-command.ts";
import { shippedFile } from "../process/shipped-file.ts";
import { checkWritable } from "../process/usable-file.ts";
import { waitUntil } from "../process/wait-until.ts";
import { writeReports } from "../report/write-report.ts";
import { type DemoFlags, runFlags } from "../resources/run-flags.ts";
import type { LoadResult, SentRequest } from "../traffic/open-loop.ts";
import { type Check, proveMirroring } from "../traffic/prove-mirroring.ts";
import type { ChatTarget } from "../traffic/send.ts";

const host = "example.com";
const primaryName = "vllm-llama2-7b-pool";
const shadowName = "vllm-llama2-7b-pool-1";
/** `--max-loras` of the scenario's Deployments. */
const adapterSlots = 4;
const baseModel = "/model/llama2";

/** How much slower the simulated candidate is than the primary, unless `--same` is given. */
const slowdown = 1.3;
/** Share of the candidate's tool calls whose arguments are invalid with `--broken-tools`. */
const brokenToolCalls = 0.05;
/** Sustained load can leave a gate undecided: then the demo sends more traffic. */
const [moreSeconds, moreTurns] = [20, 2];
/** Shorter runs have too few pairs for a verdict. */
const verdictAfterS = 40;

/** The scenario's request body. */
const scenarioBody = JSON.stringify({
  model: baseModel,
  max_completion_tokens: 100,
  temperature: 0,
  messages: [{ role: "user", content: "introduce yourself" }],
});

/** `umbra demo`: the reference scenario on a real Envoy with simulated model servers. */
export function demoCommand(io: Io): Command {
  return commandOf("demo", {
    summary: "run the reference scenario on this machine",
    description:
      "Starts simulated model servers, the sidecar and a real Envoy. Mirrors one request and then mixed traffic, evaluates the candidate, and checks the results. Uses free ports only.",
    examples: ["umbra demo", "umbra demo --same", "umbra demo --broken-tools"],
    flags: [runFlags],
  }).action((flags: DemoFlags) => runDemo(flags, io));
}

async function runDemo(flags: DemoFlags, io: Io): Promise<void> {
  checkWritable(flags.html, "--html");
  if (flags.same === true && flags.brokenTools === true) {
    throw new UsageError("--same and --broken-tools exclude each other; use one of them");
  }
  await obtainEnvoy(io);
  const children: Child[] = [];
  try {
    await runScenario(flags, children, io);
  } finally {
    await Promise.all(children.map((child) => child.stop()));
  }
}

/** Everything that runs, after all of it is ready. */
interface Running {
  readonly lanes: Lanes;
  readonly target: ChatTarget;
  readonly admin: string;
}

/** How the candidate differs from the primary, and the verdict it must get. */
interface Candidate {
  readonly words: string;
  readonly behaviour: LaneBehaviour;
  readonly hasTools: boolean;
  readonly verdict: "PASS" | "FAIL";
  /** The gate that must fail; undefined: any. */
  readonly gate?: string;
}

function candidateOf({ same, brokenTools }: DemoFlags): Candidate {
  if (same === true) {
    return { words: "equally fast", behaviour: {}, hasTools: false, verdict: "PASS" };
  }
  if (brokenTools !== true) {
    const behaviour = { timeScale: slowdown };
    return { words: "30 % slower", behaviour, hasTools: false, verdict: "FAIL" };
  }
  const words = "equally fast, and 5 % of its tool calls are invalid";
  return {
    words,
    behaviour: { brokenToolCalls },
    hasTools: true,
    verdict: "FAIL",
    gate: "out.toolBad",
  };
}

async function runScenario(flags: DemoFlags, children: Child[], io: Io): Promise<void> {
  const { duration, html } = flags;
  const candidate = candidateOf(flags);
  const say = (words: string) => io.stdout(`${words}\n`);
  say(
    `Starting 3 primary and 3 shadow endpoints (simulated vLLM; the shadow: ${candidate.words}), the sidecar and Envoy …`,
  );
  const running = await start(candidate.behaviour, children, io.signal);
  const { lanes, target, admin } = running;
  say(`Ready: ${target.origin} (Host: ${host}), admin at http://${admin}\n`);

  say("Sending one request: POST /v1/chat/completions, model /model/llama2");
  const first = await proveOne(running, io);
  say(checkLines(first, io));

  say(
    `Sending mixed traffic for ${duration} s at 20 requests/s: base model and adapters, streaming and non-streaming`,
  );
  const load = await sendUntilVerdict(running, { duration, hasTools: candidate.hasTools }, io);
  const pairs = await allPairs(admin, load.sent.length + 1, io.signal);
  const report = await verdictOf(admin, io.signal);
  say(`\n${renderReportText(report, { color: io.hasColour })}\n`);
  writeReports([report], { files: { html } }, io);
  say("");

  const spread = [
    laneSpread("primary", pairs, lanes.primary.endpoints),
    laneSpread("shadow", pairs, lanes.shadow.endpoints),
  ];
  say(
    `Distribution of the picks, compared with round robin for the same requests\n${spreadTable(spread)}`,
  );

  const last = [
    ...trafficChecks(load, pairs.length),
    ...spread.map(pickedCheck),
    ...spread.map(loadsCheck),
    verdictCheck(candidate, report, duration),
  ];
  say(checkLines(last, io));
  const broken = [...first, ...last].filter(({ holds }) => !holds).length;
  if (broken > 0) throw new CommandError(`${broken} of the demo's checks failed, see above`);
  say("All checks passed.");
}

function verdictCheck(
  { words, verdict, gate }: Candidate,
  report: ShadowReport,
  duration: number,
): Check {
  const isLongEnough = duration >= verdictAfterS;
  const { status } = report.verdict;
  const failed = report.gates.flatMap((each) => (each.status === "FAIL" ? [each.id] : []));
  const isSo = status === verdict && (gate === undefined || failed.some((id) => id === gate));
  const expected = gate === undefined ? verdict : `${verdict} by ${gate}`;
  return {
    claim: `the candidate, ${words}, is judged ${isLongEnough ? expected : "as far as such a short run allows"}`,
    holds: !isLongEnough || isSo,
    seen: [status, ...failed].join(" "),
  };
}

async function start(
  behaviour: LaneBehaviour,
  children: Child[],
  signal: AbortSignal,
): Promise<Running> {
  const [resources, policy] = [shippedFile("examples/mirror"), shippedFile("examples/demo")];
  const lanes = await startLanes(resources, children, behaviour);
  const [http, grpc, adminPort, envoyAdmin] = await freePorts(4);
  const admin = `127.0.0.1:${adminPort}`;
  const up = startChild(
    ownCommand([
      ...["up", "-f", resources, "-f", policy, "--bind", "127.0.0.1", "--no-access-log"],
      ...["--endpoints", `${primaryName}=${lanes.primary.endpoints.join(",")}`],
      ...["--endpoints", `${shadowName}=${lanes.shadow.endpoints.join(",")}`],
      ...["--listener", `http=${http}`, "--grpc", `127.0.0.1:${grpc}`],
      ...["--admin", admin, "--envoy-admin", `127.0.0.1:${envoyAdmin}`],
    ]),
  );
  children.push(up);
  await untilReady(up, admin, signal);
  return { lanes, target: { origin: `http://127.0.0.1:${http}`, host }, admin };
}

/** Sends more traffic if the first run ends without a verdict. */
async function sendUntilVerdict(
  { target, admin }: Running,
  { duration, hasTools }: { readonly duration: number; readonly hasTools: boolean },
  io: Io,
): Promise<Pick<LoadResult, "sent" | "skipped">> {
  const sent: SentRequest[] = [];
  let skipped = 0;
  for (let turn = 0; turn <= moreTurns; turn++) {
    const seconds = turn === 0 ? duration : moreSeconds;
    const traffic = { durationMs: seconds * 1_000, seed: 7 + turn, hasTools };
    const load = await mixedTraffic(target, traffic, io);
    io.signal.throwIfAborted();
    sent.push(...load.sent);
    skipped += load.skipped;
    const { verdict } = await verdictOf(admin, io.signal);
    if (duration < verdictAfterS || verdict.status !== "INCONCLUSIVE") break;
    io.stdout(`  ${verdict.next.action}: sending traffic for another ${moreSeconds} s\n`);
  }
  return { sent, skipped };
}

function trafficChecks(
  { sent, skipped }: Pick<LoadResult, "sent" | "skipped">,
  pairs: number,
): readonly Check[] {
  const answered = sent.filter(({ answer }) => answer.status === 200 && answer.isComplete).length;
  return [
    {
      claim: "every request was answered",
      holds: answered === sent.length && skipped === 0,
      seen: `${answered} of ${sent.length + skipped}`,
    },
    {
      claim: "every request was mirrored and paired",
      holds: pairs === sent.length + 1,
      seen: `${pairs} of ${sent.length + 1}`,
    },
  ];
}

function pickedCheck({ lane, picked }: LaneSpread): Check {
  return {
    claim: `${lane}: every endpoint was picked`,
    holds: picked.every(({ requests }) => requests > 0),
    seen: picked.map(({ requests }) => requests).join(" / "),
  };
}

function loadsCheck({ lane, picked, roundRobin }: LaneSpread): Check {
  const [own, others] = [sumOf(picked, "loads"), sumOf(roundRobin, "loads")];
  return {
    claim: `${lane}: fewer adapter loads than round robin`,
    holds: own < others,
    seen: `${own} instead of ${others}`,
  };
}

/** Fetches the evaluation's current report. */
async function verdictOf(admin: string, signal: AbortSignal): Promise<ShadowReport> {
  const { reports } = await queryAdmin(admin, "/v1/report", { signal });
  const [report] = reports;
  if (report === undefined) throw new CommandError("the sidecar returned no report");
  return report;
}

interface Lanes {
  readonly primary: LaneServers;
  readonly shadow: LaneServers;
}

async function startLanes(
  resources: string,
  children: Child[],
  behaviour: LaneBehaviour,
): Promise<Lanes> {
  const primary = await startLaneServers(resources, primaryName);
  children.push(primary.child);
  const shadow = await startLaneServers(resources, shadowName, behaviour);
  children.push(shadow.child);
  return { primary, shadow };
}

async function untilReady(up: Child, admin: string, signal: AbortSignal): Promise<void> {
  const end = await Promise.race([
    waitUntil(() => isReady(admin), { timeoutMs: 30_000, signal }),
    up.ended,
  ]);
  if (end === true) return;
  const words = end === undefined ? "was not ready after 30 s" : `ended (${end.words})`;
  throw new CommandError(`umbra up ${words}:\n  ${up.lastLines().join("\n  ")}`);
}

async function proveOne(
  { target, admin, lanes: { primary, shadow } }: Running,
  { signal, stdout }: Io,
): Promise<readonly Check[]> {
  const bodies = [scenarioBody];
  const checks = await proveMirroring({ target, admin, bodies, signal, timeoutMs: 20_000 });
  const logged = [
    { lane: "primary", line: completionLine(primary) },
    { lane: "shadow", line: completionLine(shadow) },
  ];
  for (const { lane, line } of logged) stdout(`  ${lane.padEnd(7)}  ${line ?? "(no log line)"}\n`);
  return [
    ...checks,
    ...logged.map(({ lane, line }) => ({
      claim: `the ${lane} pool logged 200 OK`,
      holds: line?.includes('"POST /v1/chat/completions HTTP/1.1" 200 OK') === true,
      seen: line === undefined ? "no log line" : "one log line",
    })),
  ];
}

function completionLine({ requestLines }: LaneServers): string | undefined {
  return requestLines().find((line) => line.includes("POST /v1/chat/completions"));
}

async function allPairs(
  admin: string,
  count: number,
  signal: AbortSignal,
): Promise<readonly Pair[]> {
  const pairsNow = async () => (await queryAdmin(admin, "/v1/pairs", { signal })).pairs;
  await waitUntil(async () => (await pairsNow()).length >= count, {
    timeoutMs: 20_000,
    signal,
    intervalMs: 200,
  });
  return pairsNow();
}

function laneSpread(
  lane: "primary" | "shadow",
  pairs: readonly Pair[],
  endpoints: readonly string[],
): LaneSpread {
  const placements = pairs
    .map((pair) => pair[lane])
    .toSorted((a, b) => a.t0 - b.t0)
    .map(({ endpoint, model }) => ({ endpoint: endpoint ?? "", model: model ?? baseModel }));
  const slots = { isAdapter: (model: string) => model !== baseModel, slots: adapterSlots };
  return {
    lane,
    picked: spreadOf(placements, endpoints, slots),
    roundRobin: spreadOf(roundRobin(placements, endpoints), endpoints, slots),
  };
}
