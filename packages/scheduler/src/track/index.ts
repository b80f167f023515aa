import { isErrorStatus } from "../pool/answer.ts";
import type { Lease } from "../result.ts";

/**
 * Tells a lease how an answer goes: the first bytes of its body are the first token, its end is the end, an error is
 * the endpoint's failure, a client that goes away is neither. A redirect and a status
 * of 400 and above end the lease at once, as `Lease.fail` says.
 *
 * Returns the answer to hand to the client, with the same bytes, unpacked as `fetch` gives them. Nothing is buffered beyond the chunk at hand.
 */
export function trackResponse(response: Response, lease: Lease): Response {
  if (isErrorStatus(response.status)) lease.fail(response.status);
  if (response.body === null) {
    lease.done();
    return response;
  }
  const { status, statusText } = response;
  const headers = new Headers(response.headers);
  // What fetch hands out is unpacked already.
  if (headers.has("content-encoding")) {
    headers.delete("content-encoding");
    headers.delete("content-length");
  }
  return new Response(trackBody(response.body, lease), { status, statusText, headers });
}

/** As `trackResponse`, of a body alone. */
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
