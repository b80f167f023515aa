import { request } from "undici";

/** One answer, or why there is none. */
export type PageRead =
  | {
      readonly ok: true;
      readonly text: string;
      readonly bytes: number;
      readonly tookMs: number;
      /** How far the server's clock is before this machine's, in ms; undefined where it does not tell. */
      readonly clockAheadMs: number | undefined;
    }
  | {
      readonly ok: false;
      readonly kind: "unreachable" | "timeout" | "status" | "too_large";
      readonly reason: string;
      /** Of an answer that is no success. */
      readonly text?: string;
    };

/** As much as the sidecar reads of a page. */
const maxBytes = 4 * 1024 * 1024;

/** Reads a page within its time and size. Never throws. */
export async function getPage(url: string, timeoutMs: number): Promise<PageRead> {
  const startedMs = performance.now();
  try {
    const { statusCode, headers, body } = await request(url, {
      headers: { "accept-encoding": "identity" },
      // The connection is of no use any more, and would hold up the end of the process.
      reset: true,
      signal: AbortSignal.timeout(timeoutMs),
    });
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of body as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > maxBytes) return { ok: false, kind: "too_large", reason: "is larger than 4 MiB" };
      chunks.push(chunk);
    }
    const text = Buffer.concat(chunks).toString("utf8");
    if (statusCode !== 200) {
      return { ok: false, kind: "status", reason: `answers ${statusCode}`, text };
    }
    const dateMs = Date.parse(String(headers.date ?? ""));
    const aheadMs = dateMs - Date.now();
    return {
      ok: true,
      text,
      bytes,
      tookMs: performance.now() - startedMs,
      clockAheadMs: Number.isNaN(aheadMs) ? undefined : aheadMs,
    };
  } catch (cause) {
    const { name, code, message } = cause as Error & { readonly code?: string };
    if (name === "TimeoutError" || name.endsWith("TimeoutError")) {
      return {
        ok: false,
        kind: "timeout",
        reason: `does not answer within ${timeoutMs / 1_000} s`,
      };
    }
    return { ok: false, kind: "unreachable", reason: `can't be reached: ${code ?? message}` };
  }
}
