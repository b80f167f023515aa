import type { EndpointTls } from "@umbra/envoy-config";
import { type FetchedPage, type PageErrorCode, statusErrorCode } from "@umbra/scheduler/scrape";
import { Client } from "undici";
import { endpointConnectOptions } from "./endpoint-trust.ts";
import { givePageBufferBack, takePageBuffer } from "./page-buffer.ts";

/** Requests pages from one endpoint over one keep-alive connection. */
export interface EndpointClient {
  /** Calls back once with a page, which is valid until the callback returns, or with an error. One request at a time. */
  get(path: string, done: (page: Page) => void, options?: GetOptions): void;
  close(): Promise<void>;
}

export interface GetOptions {
  /** Without the key, like a client that has none. */
  readonly isAnonymous?: boolean;
}

export type Page =
  | { readonly ok: true; readonly bytes: Buffer }
  | Extract<FetchedPage, { ok: false }>;

export interface EndpointClientOptions {
  /** Absent: plain HTTP. */
  readonly tls?: EndpointTls | undefined;
  /** Returns the value of the `authorization` header for each request; undefined: none. */
  readonly authorization?: (() => string | undefined) | undefined;
}

const maxPageBytes = 4 * 1_024 * 1_024;
const maxRedirects = 3;
const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/**
 * Uses undici's dispatch: at thousands of scrapes per second, the streams, promises and abort signals of its other
 * calls cost more than the scrape. Only follows redirects to the same scheme, host and port, so that the key never
 * reaches another server.
 */
export function createEndpointClient(
  address: string,
  timeoutMs: number,
  { tls, authorization }: EndpointClientOptions = {},
): EndpointClient {
  const origin = `${tls === undefined ? "http" : "https"}://${address}`;
  const client = new Client(origin, {
    pipelining: 1,
    connect: { timeout: timeoutMs, ...(tls === undefined ? {} : endpointConnectOptions(tls)) },
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    keepAliveTimeout: 4_000,
  });
  /** Known redirects, so that each page needs only one request. */
  const moved = new Map<string, string>();

  function headersNow({ isAnonymous = false }: GetOptions): Record<string, string> {
    const key = isAnonymous ? undefined : authorization?.();
    return key === undefined ? plainHeaders : { ...plainHeaders, authorization: key };
  }

  return {
    get(path, done, options = {}) {
      const buffer = takePageBuffer();
      let status = 0;
      let location: string | undefined;
      let hops = 0;
      let abort = (): void => {};
      let isOver = false;

      function finish(page: Page): void {
        if (isOver) return;
        isOver = true;
        clearTimeout(timer);
        if (!page.ok) moved.delete(path);
        try {
          done(page);
        } finally {
          givePageBufferBack(buffer);
        }
      }

      function giveUp(code: PageErrorCode, reason: string): void {
        finish({ ok: false, code, reason });
        abort();
      }

      function finishAnswer(at: string): void {
        if (status === 200) {
          if (at !== path) moved.set(path, at);
          finish({ ok: true, bytes: buffer.bytes() });
          return;
        }
        const next = redirects.has(status) ? pathAt(origin, at, location) : undefined;
        if (next !== undefined && hops++ < maxRedirects) {
          buffer.clear();
          ask(next);
          return;
        }
        finish({
          ok: false,
          code: statusErrorCode(status),
          reason: `${path} answered ${status}`,
          status,
        });
      }

      function ask(at: string): void {
        client.dispatch(
          { path: at, method: "GET", headers: headersNow(options) },
          {
            onRequestStart(controller) {
              abort = () => controller.abort(new Error("given up"));
              if (isOver) abort();
            },
            onResponseStart(_controller, statusCode, headers) {
              status = statusCode;
              location = textOf(headers.location);
            },
            onResponseData(_controller, chunk) {
              if (isOver) return;
              const { length } = buffer.bytes();
              if (length + chunk.length <= maxPageBytes) buffer.append(chunk);
              else giveUp("too_large", `${path} is larger than 4 MiB`);
            },
            onResponseEnd: () => finishAnswer(at),
            onResponseError: (_controller, error) => finish(pageError(error)),
          },
        );
      }

      // undici's timeouts restart with each byte, so a slow-dripping server would never time out.
      const timer = setTimeout(() => giveUp("timeout", "no answer in time"), timeoutMs);
      ask(moved.get(path) ?? path);
    },
    close: () => client.destroy(),
  };
}

const plainHeaders = { "accept-encoding": "identity" };

function textOf(header: string | string[] | undefined): string | undefined {
  return typeof header === "string" ? header : header?.[0];
}

/** Returns the path of a redirect; undefined if it leads to another server. */
function pathAt(origin: string, from: string, location: string | undefined): string | undefined {
  if (location === undefined || !URL.canParse(location, origin + from)) return undefined;
  const to = new URL(location, origin + from);
  return to.origin === new URL(origin).origin ? to.pathname + to.search : undefined;
}

function pageError(cause: Error & { readonly code?: string }): Page {
  if (cause.name.endsWith("TimeoutError")) {
    return { ok: false, code: "timeout", reason: "no answer in time" };
  }
  return { ok: false, code: "unreachable", reason: cause.code ?? cause.message };
}
