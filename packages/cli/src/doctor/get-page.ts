import type { EndpointTls } from "@umbra/envoy-config";
import { defined } from "@umbra/shadow/defined";
import { endpointConnectOptions } from "@umbra/sidecar";
import { Agent, request } from "undici";

export type PageRead =
  | {
      readonly ok: true;
      readonly text: string;
      readonly bytes: number;
      readonly tookMs: number;
      /** How far the server's clock is ahead of this machine's, in ms; undefined without a Date header. */
      readonly clockAheadMs: number | undefined;
    }
  | {
      readonly ok: false;
      readonly kind: "unreachable" | "timeout" | "status" | "too_large";
      readonly reason: string;
      /** Only for an error status. */
      readonly text?: string;
      readonly status?: number;
    };

export interface GetPageOptions {
  readonly timeoutMs: number;
  /** Value of the `authorization` header. */
  readonly authorization?: string | undefined;
  /** How to verify the certificate of an `https` URL; not verified when absent. */
  readonly tls?: EndpointTls | undefined;
}

/** The sidecar's own size limit for a page. */
const maxBytes = 4 * 1024 * 1024;

const maxRedirects = 3;

/**
 * Reads a page with a time and size limit. Like the sidecar, it only follows redirects to the same scheme, host and
 * port. Never throws.
 */
export async function getPage(
  url: string,
  { timeoutMs, authorization, tls = {} }: GetPageOptions,
): Promise<PageRead> {
  const startedMs = performance.now();
  const signal = AbortSignal.timeout(timeoutMs);
  const dispatcher = new Agent({ maxResponseSize: maxBytes, connect: endpointConnectOptions(tls) });
  try {
    let at = new URL(url);
    for (let hops = 0; ; hops++) {
      const { statusCode, headers, body } = await request(at, {
        headers: { "accept-encoding": "identity", ...defined({ authorization }) },
        ...{ signal, dispatcher },
      });
      const text = await body.text();
      const next = redirect(at, statusCode, headers.location);
      if (next !== undefined && hops < maxRedirects) {
        at = next;
        continue;
      }
      if (statusCode !== 200) {
        const reason = `answers ${statusCode}`;
        return { ok: false, kind: "status", status: statusCode, reason, text };
      }
      const aheadMs = Date.parse(String(headers.date ?? "")) - Date.now();
      return {
        ...{ ok: true, text, bytes: Buffer.byteLength(text) },
        tookMs: performance.now() - startedMs,
        clockAheadMs: Number.isNaN(aheadMs) ? undefined : aheadMs,
      };
    }
  } catch (cause) {
    return failureOf(cause as Error & { readonly code?: string }, timeoutMs);
  } finally {
    await dispatcher.destroy();
  }
}

const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

function redirect(
  from: URL,
  status: number,
  location: string | string[] | undefined,
): URL | undefined {
  if (!redirects.has(status) || typeof location !== "string") return undefined;
  if (!URL.canParse(location, from.href)) return undefined;
  const to = new URL(location, from);
  return to.origin === from.origin ? to : undefined;
}

function failureOf(
  { name, code, message }: Error & { readonly code?: string },
  timeoutMs: number,
): PageRead {
  if (name.endsWith("TimeoutError")) {
    const reason = `does not answer within ${timeoutMs / 1_000} s`;
    return { ok: false, kind: "timeout", reason };
  }
  if (code === "UND_ERR_RES_EXCEEDED_MAX_SIZE") {
    return { ok: false, kind: "too_large", reason: "is larger than 4 MiB" };
  }
  return { ok: false, kind: "unreachable", reason: `can't be reached: ${code ?? message}` };
}
