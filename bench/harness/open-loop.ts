import { setTimeout as sleep } from "node:timers/promises";
import { Agent, request } from "undici";

/** What each request of a turn took, in ms. */
export interface Turn {
  readonly ttft: readonly number[];
  readonly e2e: readonly number[];
}

export interface TurnOptions {
  readonly seconds: number;
  readonly perSecond: number;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Sends requests to a gateway at a steady rate, whether those before have been answered or not. Throws if one fails. */
export async function openLoop(
  origin: string,
  { seconds, perSecond, body, headers = {} }: TurnOptions,
): Promise<Turn> {
  const dispatcher = new Agent({ connections: 256, pipelining: 1 });
  const ttft: number[] = [];
  const e2e: number[] = [];
  const one = async () => {
    const started = performance.now();
    const answer = await request(`${origin}/v1/chat/completions`, {
      method: "POST",
      body,
      headers: { host: "example.com", "content-type": "application/json", ...headers },
      dispatcher,
    });
    let first: number | undefined;
    for await (const _ of answer.body) first ??= performance.now() - started;
    if (answer.statusCode !== 200) throw new Error(`answered ${answer.statusCode}`);
    ttft.push(first ?? Number.NaN);
    e2e.push(performance.now() - started);
  };
  const started = performance.now();
  const all: Promise<void>[] = [];
  while (performance.now() - started < seconds * 1_000) {
    const due = ((performance.now() - started) / 1_000) * perSecond;
    while (all.length < due) all.push(one());
    await sleep(2);
  }
  await Promise.all(all);
  await dispatcher.destroy();
  return { ttft, e2e };
}
