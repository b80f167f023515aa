import { isErrorStatus } from "../pool/answer.ts";
import type { Lease } from "../result.ts";

/**
 * Updates a lease from an answer. The first bytes of the body count as the first token, and the end of the body ends
 * the lease. An error counts as the endpoint's failure; a client that disconnects releases the lease. A redirect or a
 * status of 400 and above ends the lease immediately, as described at `Lease.fail`.
 *
 * Returns the answer for the client with the same bytes, decompressed as `fetch` returns them. Buffers no more than one
 * chunk.
 */
export function trackResponse(response: Response, lease: Lease): Response {
  if (isErrorStatus(response.status)) lease.fail(response.status);
  if (response.body === null) {
    lease.done();
    return response;
  }
  const { status, statusText } = response;
  const headers = new Headers(response.headers);
  // `fetch` has already decompressed the body.
  if (headers.has("content-encoding")) {
    headers.delete("content-encoding");
    headers.delete("content-length");
  }
  return new Response(trackBody(response.body, lease), { status, statusText, headers });
}

/** Like `trackResponse`, for a body alone. */
export function trackBody(
  body: ReadableStream<Uint8Array>,
  lease: Lease,
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await reader.read();
          if (done) {
            lease.done();
            controller.close();
            return;
          }
          lease.firstToken();
          controller.enqueue(value);
        } catch (cause) {
          lease.fail();
          controller.error(cause);
        }
      },
      async cancel(reason) {
        lease.release();
        await reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
}
