import type { Random } from "./random.ts";
import { joined, newText } from "./text.ts";

/** One request as a client sends it. */
export interface BenchRequest {
  readonly model: string;
  readonly adapter?: string;
  readonly prompt: Uint8Array;
  readonly outputTokens: number;
  readonly session: string;
  /** Called when the answer is complete: a conversation goes on. */
  readonly onDone?: () => void;
}

export interface Workload {
  readonly name: string;
  /** For people: what it is, in a line. */
  readonly about: string;
  /** Speed of each endpoint; 1 is that of the servers' options. */
  readonly speeds: readonly number[];
  /** Time to first token, in ms, and mean time per output token, in ms, that a good answer keeps. */
  readonly slo: { readonly ttftMs: number; readonly tpotMs: number };
  start(stage: Stage): void;
}

/** Where a workload plays. */
export interface Stage {
  readonly random: Random;
  now(): number;
  schedule(run: () => void, afterMs: number): void;
  send(request: BenchRequest): void;
}

const base = "base";
const eight = Array.from({ length: 8 }, () => 1);

/** Calls `arrive` at the times of a Poisson process whose rate, in 1/s, may change with time. */
function arrivals(stage: Stage, rate: (ms: number) => number, arrive: () => void): void {
  const fastest = 1_000 / Math.max(rate(0), rate(15_000));
  const next = (): void => {
    // Thinning: arrivals of the highest rate are kept with the share that the rate has of it.
    if (stage.random.next() * (1_000 / fastest) < rate(stage.now())) arrive();
    stage.schedule(next, stage.random.exponential(fastest));
  };
  stage.schedule(next, stage.random.exponential(fastest));
}

const outputs = (random: Random) =>
  Math.max(4, Math.min(800, Math.round(random.logNormal(120, 0.7))));

/** Conversations of several turns; each turn's prompt is all that was said before and something new. */
function conversations(
  stage: Stage,
  options: {
    readonly rate: (ms: number) => number;
    readonly adapter?: (random: Random) => string | undefined;
  },
): void {
  const systems = Array.from({ length: 40 }, () =>
    newText(stage.random, stage.random.between(600, 2_000)),
  );
  let count = 0;
  arrivals(stage, options.rate, () => {
    // Of its own: what a conversation says must not depend on how fast others are answered.
    const random = stage.random.fork();
    const session = `c${count++}`;
    const adapter = options.adapter?.(random);
    const turns = 1 + Math.floor(random.exponential(3));
    let said = systems[random.zipf(systems.length, 1)] as Uint8Array;
    const speak = (turn: number): void => {
      const user = newText(random, Math.round(random.logNormal(80, 0.8)));
      const prompt = joined(said, user);
      const outputTokens = outputs(random);
      said = joined(prompt, newText(random, outputTokens));
      stage.send({
        model: adapter ?? base,
        ...(adapter === undefined ? {} : { adapter }),
        prompt,
        outputTokens,
        session,
        onDone() {
          if (turn < turns && said.length < 4 * 12_000) {
            stage.schedule(() => speak(turn + 1), random.exponential(8_000));
          }
        },
      });
    };
    speak(1);
  });
}

/** Prompts that have nothing in common. */
function singles(
  stage: Stage,
  options: {
    readonly rate: (ms: number) => number;
    readonly promptTokens: (random: Random) => number;
    readonly adapter?: (random: Random) => string | undefined;
  },
): void {
  const { random } = stage;
  let count = 0;
  arrivals(stage, options.rate, () => {
    const adapter = options.adapter?.(random);
    stage.send({
      model: adapter ?? base,
      ...(adapter === undefined ? {} : { adapter }),
      prompt: newText(random, options.promptTokens(random)),
      outputTokens: outputs(random),
      session: `s${count++}`,
    });
  });
}

const steady = (rate: number) => () => rate;
/** Five times as many arrivals for 5 s of every 30. */
const bursty = (rate: number) => (ms: number) =>
  (ms % 30_000 >= 12_500 && ms % 30_000 < 17_500 ? 5 : 0.2) * rate;
const shortPrompt = (random: Random) =>
  Math.max(16, Math.min(3_000, Math.round(random.logNormal(300, 0.8))));
const adapterOf = (random: Random) => `lora-${random.zipf(24, 1)}`;

export const workloads: readonly Workload[] = [
  {
    name: "chat",
    about:
      "conversations of some 4 turns over 40 shared system prompts of 600 to 2,000 tokens (Zipf)",
    speeds: eight,
    slo: { ttftMs: 500, tpotMs: 60 },
    start: (stage) => conversations(stage, { rate: steady(14) }),
  },
  {
    name: "lora",
    about: "24 adapters (Zipf), 4 of which fit on a server, loading one takes 800 ms",
    speeds: eight,
    slo: { ttftMs: 500, tpotMs: 60 },
    start: (stage) =>
      singles(stage, { rate: steady(40), promptTokens: shortPrompt, adapter: adapterOf }),
  },
  {
    name: "bursts",
    about: "five times as many requests for 5 s of every 30, a fifth of them otherwise",
    speeds: eight,
    slo: { ttftMs: 800, tpotMs: 60 },
    start: (stage) => singles(stage, { rate: bursty(24), promptTokens: shortPrompt }),
  },
  {
    name: "long",
    about: "3 of 100 prompts have 16,000 to 30,000 tokens, the others some 300",
    speeds: eight,
    slo: { ttftMs: 1_000, tpotMs: 80 },
    start: (stage) =>
      singles(stage, {
        rate: steady(25),
        promptTokens: (random) =>
          random.next() < 0.03 ? random.between(16_000, 30_000) : shortPrompt(random),
      }),
  },
  {
    name: "slow",
    about: "one of the eight servers runs at a third of the others' speed",
    speeds: [1, 1, 1, 0.33, 1, 1, 1, 1],
    slo: { ttftMs: 500, tpotMs: 60 },
    start: (stage) => singles(stage, { rate: steady(40), promptTokens: shortPrompt }),
  },
  {
    name: "mixed",
    about: "conversations, half of them with one of 24 adapters, in bursts",
    speeds: eight,
    slo: { ttftMs: 1_000, tpotMs: 80 },
    start: (stage) =>
      conversations(stage, {
        rate: bursty(4),
        adapter: (random) => (random.next() < 0.5 ? adapterOf(random) : undefined),
      }),
  },
];
