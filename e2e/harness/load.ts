import { setTimeout as sleep } from "node:timers/promises";
import { Agent } from "undici";
import { post, type Seen } from "./client.ts";

export interface LoadOptions {
  /** Asked every two seconds. */
  readonly isOver: () => Promise<boolean>;
  readonly mostMs: number;
  /** Of the requests; `example.com` when absent. */
  readonly host?: string;
}

/** Sends requests at their own times until `isOver`, at most `mostMs`. Returns what clients saw. */
export async function steadyLoad(
  origin: string,
  perSecond: number,
  body: (index: number) => string,
  { isOver, mostMs, ...more }: LoadOptions,
): Promise<readonly Seen[]> {
  const dispatcher = new Agent({ connections: 512, pipelining: 1 });
  const answers: Promise<Seen>[] = [];
  const startedMs = performance.now();
  let isEnding = false;
  let askedMs = startedMs;
  while (!isEnding && performance.now() - startedMs < mostMs) {
    const due = Math.floor(((performance.now() - startedMs) / 1_000) * perSecond);
    while (answers.length < due)
      answers.push(post(origin, body(answers.length), { dispatcher, ...more }));
    if (performance.now() - askedMs > 2_000) {
      askedMs = performance.now();
      isEnding = await isOver();
    }
    await sleep(5);
  }
  const seen = await Promise.all(answers);
  await dispatcher.destroy();
  return seen;
}
