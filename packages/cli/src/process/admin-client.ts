import { defined } from "@umbra/shadow/defined";
import type { AdminAnswers, AdminPath, ShadowCall } from "@umbra/sidecar";
import { CommandError, OutcomeError } from "../errors.ts";
import { checked, hostPort } from "../flag-values.ts";
import { flag, type TypedFlag } from "../flags.ts";
import { jsonObject } from "../json-object.ts";

/** The `--admin` flag of commands that query a running sidecar. */
export const adminFlag: TypedFlag<string> = flag(
  ...(["--admin <host:port>", "admin interface of the sidecar"] as const),
  ...([checked(hostPort), "127.0.0.1:9090"] as const),
);

/** Reads from a sidecar's admin interface. Throws CommandError with advice, or OutcomeError if `signal` is aborted. */
export function queryAdmin<Path extends AdminPath>(
  admin: string,
  path: Path,
  { query, ...limits }: { readonly query?: URLSearchParams; readonly signal?: AbortSignal } = {},
): Promise<AdminAnswers[Path]> {
  const search = query === undefined ? "" : `?${query.toString()}`;
  // A report is computed on request, which takes longer.
  const limitMs = path === "/v1/report" ? 65_000 : 10_000;
  return call(admin, `${path}${search}`, { limitMs, ...limits });
}

export function isReady(admin: string): Promise<boolean> {
  return queryAdmin(admin, "/readyz").then(
    () => true,
    () => false,
  );
}

/** Changes what a sidecar mirrors. If the sidecar refuses, throws CommandError with its message. */
export function changeMirrors(
  admin: string,
  change: ShadowCall,
  body: object,
  token: string | undefined,
): Promise<AdminAnswers["/v1/mirrors"]> {
  const authorization = token === undefined ? undefined : `Bearer ${token}`;
  return call(admin, `/v1/shadow/${change}`, {
    ...{ limitMs: 10_000, method: "POST", body: JSON.stringify(body) },
    headers: { "content-type": "application/json", ...defined({ authorization }) },
  });
}

interface CallOptions {
  readonly limitMs: number;
  readonly signal?: AbortSignal;
  readonly method?: "POST";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

async function call<T>(admin: string, path: string, options: CallOptions): Promise<T> {
  const { status, text } = await textOf(admin, path, options);
  const answer = jsonObject(text);
  if (status === 200 && answer !== undefined) return answer as T;
  const why =
    typeof answer?.error === "string" ? answer.error : "is this a sidecar's admin interface?";
  throw new CommandError(`http://${admin}${path} answered ${status}: ${why}`);
}

async function textOf(
  admin: string,
  path: string,
  { limitMs, signal, ...options }: CallOptions,
): Promise<{ readonly status: number; readonly text: string }> {
  const limit = AbortSignal.timeout(limitMs);
  const signals = signal === undefined ? [limit] : [limit, signal];
  const { request } = await import("undici");
  try {
    const { statusCode: status, body } = await request(`http://${admin}${path}`, {
      ...options,
      signal: AbortSignal.any(signals),
    });
    return { status, text: await body.text() };
  } catch (cause) {
    if (signal?.aborted === true) throw new OutcomeError(130);
    const { code, message } = cause as NodeJS.ErrnoException;
    const why = limit.aborted ? `none within ${limitMs / 1_000} s` : (code ?? message);
    throw new CommandError(
      `no answer from a sidecar at http://${admin}: ${why}; start one with \`umbra up\` or \`umbra serve\`, or give its admin address with --admin`,
      { cause },
    );
  }
}
