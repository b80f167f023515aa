import { setTimeout as sleep } from "node:timers/promises";
import { type Check, chat, post, said, type Target } from "./check.ts";

export interface Setting {
  readonly gateway: Target;
  /** One of the primary endpoints, asked without Umbra. */
  readonly direct: Target;
  /** `http://host:port` of the sidecar's admin interface. */
  readonly admin: string;
  readonly model: string;
  readonly adapters: readonly string[];
  /** How long the long answer must last, in seconds. */
  readonly longSeconds: number;
}

/** The same greedy requests, direct and through Umbra, whole and streamed: texts and token counts are equal. */
export async function answersAreEqual(setting: Setting): Promise<Check> {
  const names = [setting.model, ...setting.adapters];
  const different: string[] = [];
  let compared = 0;
  for (const model of names) {
    for (const isStream of [false, true]) {
      const body = chat({ model, content: `say something of ${model}`, maxTokens: 40, isStream });
      const direct = await post(setting.direct, "/v1/chat/completions", body);
      const through = await post(setting.gateway, "/v1/chat/completions", body);
      compared++;
      const isEqual =
        direct.status === 200 &&
        through.status === 200 &&
        JSON.stringify(said(direct)) === JSON.stringify(said(through));
      if (!isEqual) different.push(`${model}${isStream ? " streamed" : ""} (${through.status})`);
    }
  }
  return {
    name: "texts and token counts are those of a direct request",
    isOk: different.length === 0,
    seen: `${compared} compared, different: ${different.join(", ") || "none"}`,
  };
}

/** Requests for all adapters at once: all are answered, and both endpoints take part. */
export async function adaptersAreServed(setting: Setting, count: number): Promise<Check> {
  const names = [setting.model, ...setting.adapters];
  const answers = await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      await sleep(index * 50);
      const model = names[index % names.length] as string;
      const body = chat({ model, content: `request ${index}`, maxTokens: 16 });
      return post(setting.gateway, "/v1/chat/completions", body);
    }),
  );
  const ok = answers.filter(({ status }) => status === 200).length;
  const others = answers.filter(({ status }) => status !== 200).map(({ status }) => status);
  return {
    name: "requests over LoRA adapters are answered",
    isOk: ok === count,
    seen: `${ok} of ${count} answered with 200${others.length > 0 ? `, others: ${others.join(" ")}` : ""}`,
  };
}

/** Without the key, the server's own 401 comes through. */
export async function keyIsAsked(setting: Setting): Promise<Check> {
  const { key: _key, ...keyless } = setting.gateway;
  const body = chat({ model: setting.model, content: "hi", maxTokens: 4 });
  const { status, text } = await post(keyless, "/v1/chat/completions", body);
  return {
    name: "a request without the key gets the server's own 401",
    isOk: setting.gateway.key === undefined ? status === 200 : status === 401,
    seen: `${status} ${text.slice(0, 80)}`,
  };
}

/** One answer that lasts, alone on the gateway, and a request after it. */
export async function longAnswerEnds(setting: Setting): Promise<Check> {
  const probe = chat({ model: setting.model, content: "probe", maxTokens: 200 });
  const { tookMs } = await post(setting.direct, "/v1/chat/completions", probe);
  let tokensPerMs = 200 / tookMs;
  let long: Awaited<ReturnType<typeof post>>;
  let maxTokens: number;
  let tries = 0;
  do {
    // Some more than the measured speed asks for: a machine that others use is faster at one time than at another.
    maxTokens = Math.ceil(1.2 * setting.longSeconds * 1_000 * tokensPerMs);
    const body = chat({ model: setting.model, content: "continue", maxTokens, isStream: true });
    long = await post(setting.gateway, "/v1/chat/completions", body);
    tokensPerMs = maxTokens / long.tookMs;
    tries++;
  } while (long.status === 200 && long.tookMs < setting.longSeconds * 1_000 && tries < 4);
  const after = await post(setting.gateway, "/v1/chat/completions", probe);
  const tokens = long.status === 200 ? said(long).outputTokens : undefined;
  const isLong = long.tookMs >= setting.longSeconds * 1_000;
  return {
    name: `an answer of more than ${setting.longSeconds} s ends well, and so does the next`,
    isOk: isLong && tokens === maxTokens && after.status === 200,
    seen: `${(long.tookMs / 1_000).toFixed(1)} s, ${tokens} of ${maxTokens} tokens, then ${after.status}`,
  };
}

interface Pools {
  readonly pools: readonly {
    readonly name: string;
    readonly endpoints: readonly {
      readonly address: string;
      readonly metrics?: unknown;
      readonly lastFailure?: string;
    }[];
  }[];
}

/** Umbra reads each endpoint's metrics and refuses none. */
export async function endpointsAreRead({ admin }: Setting): Promise<Check> {
  const { pools } = (await (await fetch(`${admin}/v1/pools`)).json()) as Pools;
  const endpoints = pools.flatMap(({ endpoints }) => endpoints);
  const unread = endpoints.filter(({ lastFailure }) => lastFailure !== undefined);
  return {
    name: "the metrics of every endpoint are read",
    isOk: endpoints.length > 0 && unread.length === 0,
    seen: `${endpoints.length} endpoints; not read: ${unread.map(({ address, lastFailure }) => `${address} (${lastFailure})`).join(", ") || "none"}`,
  };
}

/** What was mirrored has found its twin. */
export async function twinsArePaired({ admin }: Setting, limitMs: number): Promise<Check> {
  const deadline = performance.now() + limitMs;
  let pairs = 0;
  while (performance.now() < deadline) {
    const body = (await (await fetch(`${admin}/v1/pairs`)).json()) as { pairs: readonly unknown[] };
    pairs = body.pairs.length;
    if (pairs > 0) break;
    await sleep(200);
  }
  return { name: "mirrored requests are paired", isOk: pairs > 0, seen: `${pairs} pairs kept` };
}
