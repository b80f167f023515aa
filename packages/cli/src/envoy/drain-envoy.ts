import { setTimeout as sleep } from "node:timers/promises";
import { CommandError } from "../errors.ts";
import { jsonObject } from "../json-object.ts";

/** Times in ms. */
export interface DrainOptions {
  /** Envoy's admin interface, `host:port`. */
  readonly envoyAdmin: string;
  /** How long Envoy is not ready but serves as before, so that others notice. */
  readonly announceMs: number;
  /** Longest wait for requests after that. */
  readonly timeoutMs: number;
  /** Connections that have had no request for this long are not waited for. */
  readonly quietMs: number;
  readonly signal?: AbortSignal;
}

/** What clients still have of an Envoy. */
export interface ClientLoad {
  readonly connections: number;
  readonly requests: number;
}

/** `requests`: the time was over while requests were under way. */
export type DrainEnd = ClientLoad & { readonly kind: "empty" | "quiet" | "requests" };

const pollEveryMs = 200;
const answerWithinMs = 2_000;

/**
 * Prepares an Envoy for its end: it is no longer ready, asks clients to close their connections, and finishes what they
 * have sent. Throws CommandError if its admin interface doesn't answer.
 */
export async function drainEnvoy(options: DrainOptions): Promise<DrainEnd> {
  const { envoyAdmin, announceMs, timeoutMs, quietMs, signal } = options;
  // From now on, each answer closes its connection.
  await call(envoyAdmin, "POST", "/healthcheck/fail");
  await pause(announceMs, signal);
  // Envoy still takes connections: anyone who has not noticed yet is served.
  await call(envoyAdmin, "POST", "/drain_listeners?graceful&skip_exit");
  const startedMs = performance.now();
  let busyMs = startedMs;
  for (;;) {
    const load = await clientLoad(envoyAdmin).catch((cause: Error) => {
      // An Envoy with much to do may be late: its requests must not be cut off for that.
      if (!isLate(cause) || performance.now() - startedMs >= timeoutMs) throw cause;
    });
    const nowMs = performance.now();
    if (load === undefined || load.requests > 0) busyMs = nowMs;
    if (load === undefined) continue;
    if (load.connections === 0 && load.requests === 0) return { kind: "empty", ...load };
    const isQuiet = load.requests === 0 && nowMs - busyMs >= quietMs;
    if (isQuiet || nowMs - startedMs >= timeoutMs) {
      return { kind: load.requests === 0 ? "quiet" : "requests", ...load };
    }
    await pause(Math.min(pollEveryMs, timeoutMs), signal);
  }
}

function isLate({ cause }: Error): boolean {
  return (cause as Error | undefined)?.name === "TimeoutError";
}

/** Connections of Prometheus and of mirrored requests are not the clients'. */
const notClients = /^http\.(?:admin|stats|shadow_lane)\./;

async function clientLoad(envoyAdmin: string): Promise<ClientLoad> {
  const filter = encodeURIComponent("^http\\..*\\.downstream_(cx|rq)_active$");
  const text = await call(envoyAdmin, "GET", `/stats?format=json&filter=${filter}`);
  const stats = (jsonObject(text)?.stats ?? []) as readonly {
    readonly name?: string;
    readonly value?: number;
  }[];
  const sumOf = (ending: string) =>
    stats
      .filter(({ name = "" }) => name.endsWith(ending) && !notClients.test(name))
      .reduce((sum, { value = 0 }) => sum + value, 0);
  return {
    connections: sumOf(".downstream_cx_active"),
    requests: sumOf(".downstream_rq_active"),
  };
}

async function call(envoyAdmin: string, method: "GET" | "POST", path: string): Promise<string> {
  const { request } = await import("undici");
  const where = `Envoy's admin interface at http://${envoyAdmin}`;
  const answer = await request(`http://${envoyAdmin}${path}`, {
    method,
    signal: AbortSignal.timeout(answerWithinMs),
  })
    .then(async ({ statusCode, body }) => ({ statusCode, text: await body.text() }))
    .catch((cause: NodeJS.ErrnoException) => {
      // The code of a time-out is only a number.
      const what = typeof cause.code === "string" ? cause.code : cause.message;
      const why = `${what}; is it the address of \`umbra render --envoy-admin\`?`;
      throw new CommandError(`no answer from ${where}: ${why}`, { cause });
    });
  if (answer.statusCode !== 200) {
    throw new CommandError(`${where} answered ${answer.statusCode} to ${method} ${path}`);
  }
  return answer.text;
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await sleep(ms, undefined, signal === undefined ? {} : { signal });
}
