import { Client } from "undici";
import { givePageBufferBack, takePageBuffer } from "./page-buffer.ts";

/** Asks one endpoint for pages on one kept connection. */
export interface EndpointClient {
  /** Calls back once, with a page, which holds until the callback returns, or with why there is none. One at a time. */
  get(path: string, done: (page: Page) => void): void;
  close(): Promise<void>;
}

export type Page =
  | { readonly ok: true; readonly bytes: Buffer }
  | { readonly ok: false; readonly code: PageErrorCode; readonly reason: string };

export type PageErrorCode = "timeout" | "unreachable" | "bad_status" | "too_large";

const maxPageBytes = 4 * 1_024 * 1_024;
const headers = { "accept-encoding": "identity" };

/**
 * Uses undici's dispatch: at some thousand scrapes a second the streams, promises and abort signals of its other
 * calls cost more than the scrape.
 */
export function createEndpointClient(address: string, timeoutMs: number): EndpointClient {
  const client = new Client(`http://${address}`, {
    pipelining: 1,
    connect: { timeout: timeoutMs },
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    keepAliveTimeout: 4_000,
  });

  return {
    get(path, done) {
      const buffer = takePageBuffer();
      let status = 0;
      let abort = (): void => {};
      let timer: NodeJS.Timeout | undefined;
      let isOver = false;

      function finish(page: Page): void {
        if (isOver) return;
        isOver = true;
        clearTimeout(timer);
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

      // undici's own timeouts count from byte to byte: a server that drips would never be given up.
      timer = setTimeout(() => giveUp("timeout", "no answer in time"), timeoutMs);
      client.dispatch(
        { path, method: "GET", headers },
        {
          onRequestStart(controller) {
            abort = () => controller.abort(new Error("given up"));
            if (isOver) abort();
          },
          onResponseStart(_controller, statusCode) {
            status = statusCode;
          },
          onResponseData(_controller, chunk) {
            if (isOver) return;
            const { length } = buffer.bytes();
            if (length + chunk.length <= maxPageBytes) buffer.append(chunk);
            else giveUp("too_large", `${path} is larger than 4 MiB`);
          },
          onResponseEnd() {
            if (status !== 200) {
              finish({ ok: false, code: "bad_status", reason: `${path} answered ${status}` });
              return;
            }
            finish({ ok: true, bytes: buffer.bytes() });
          },
          onResponseError(_controller, error) {
            finish(pageError(error));
          },
        },
      );
    },
    close: () => client.destroy(),
  };
}

function pageError(cause: Error & { readonly code?: string }): Page {
  if (cause.name.endsWith("TimeoutError")) {
    return { ok: false, code: "timeout", reason: "no answer in time" };
  }
  return { ok: false, code: "unreachable", reason: cause.code ?? cause.message };
}
