import type { Dispatcher } from "undici";
import { isJsonObject, type JsonObject, textOf } from "../objects/json.ts";
import { isKubernetesError, KubernetesError } from "./kubernetes-error.ts";

/** One request to the API server. */
export interface ApiRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Path below the server's address, without the query. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Default: `application/json`. */
  readonly contentType?: string;
  readonly signal?: AbortSignal;
  /** Longest time to the answer's headers. Default: 15 s. */
  readonly timeoutMs?: number;
  /** Longest time between two pieces of the answer's body. Default: `timeoutMs`. */
  readonly silenceMs?: number;
  /** Largest answer. Default: 8 MiB. */
  readonly maxBytes?: number;
}

/** An open answer, whose body is read by the caller. */
export interface ApiStream {
  readonly body: AsyncIterable<Buffer>;
  /** Ends the request and its connection. */
  readonly destroy: () => void;
}

/** How to reach an API server and who asks. */
export interface ApiAccess {
  /** The server's address, as in `https://10.0.0.1:443`, perhaps with a path. */
  readonly server: string;
  /** The namespace that the kubeconfig's context or the pod is in. */
  readonly namespace?: string;
  /** The connections to use for a request, and its headers with credentials. */
  authorize(): Promise<Authorized>;
  /** Reads files and asks programs for credentials again at the next request. */
  refresh(): void;
  close(): Promise<void>;
}

export interface Authorized {
  readonly dispatcher: Dispatcher;
  readonly headers: Readonly<Record<string, string>>;
}

/** Requests to one API server. Every method throws `KubernetesError`. */
export interface ApiClient {
  readonly server: string;
  readonly namespace?: string;
  /** The decoded body of an answer below 400. */
  request(request: ApiRequest): Promise<JsonObject>;
  /** An answer below 400, for lists of events. */
  open(request: ApiRequest): Promise<ApiStream>;
  close(): Promise<void>;
}

const defaultTimeoutMs = 15_000;
const defaultMaxBytes = 8 * 1024 * 1024;
const maxErrorBytes = 64 * 1024;

/** Requests with the credentials of `access`; `userAgent` tells the API server's logs who asks. */
export function createApiClient(access: ApiAccess, userAgent: string): ApiClient {
  const send = (request: ApiRequest): Promise<Dispatcher.ResponseData> =>
    sendRequest(access, userAgent, request);
  return {
    server: access.server,
    ...(access.namespace === undefined ? {} : { namespace: access.namespace }),
    async request(request) {
      const { body, headers } = await send(request);
      const maxBytes = request.maxBytes ?? defaultMaxBytes;
      if (Number(headers["content-length"] ?? 0) > maxBytes) {
        body.destroy();
        throw tooLarge(request, maxBytes);
      }
      return parseBody(await readBody(body, request, maxBytes), request);
    },
    async open(request) {
      const { body } = await send(request);
      // An answer that is no longer read may still break off.
      body.on("error", () => undefined);
      return { body: translated(body, request), destroy: () => body.destroy() };
    },
    close: () => access.close(),
  };
}

async function sendRequest(
  access: ApiAccess,
  userAgent: string,
  request: ApiRequest,
): Promise<Dispatcher.ResponseData> {
  if (request.signal?.aborted === true) throw aborted(request);
  const { dispatcher, headers } = await access.authorize();
  const { origin, pathname } = new URL(access.server);
  const timeoutMs = request.timeoutMs ?? defaultTimeoutMs;
  const hasBody = request.body !== undefined;
  let answer: Dispatcher.ResponseData;
  try {
    answer = await dispatcher.request({
      origin,
      path: pathname.replace(/\/$/, "") + request.path,
      method: request.method,
      query: request.query ?? {},
      headers: {
        accept: "application/json",
        "user-agent": userAgent,
        ...(hasBody ? { "content-type": request.contentType ?? "application/json" } : {}),
        ...headers,
      },
      body: hasBody ? JSON.stringify(request.body) : null,
      ...(request.signal === undefined ? {} : { signal: request.signal }),
      headersTimeout: timeoutMs,
      bodyTimeout: request.silenceMs ?? timeoutMs,
    });
  } catch (cause) {
    // An authority may have been replaced in its file.
    if (isCertificateError(cause)) access.refresh();
    throw connectionError(cause, request, access.server);
  }
  if (answer.statusCode < 400) return answer;
  if (answer.statusCode === 401) access.refresh();
  throw await refusal(answer, request);
}

async function refusal(
  { statusCode, headers, body }: Dispatcher.ResponseData,
  request: ApiRequest,
): Promise<KubernetesError> {
  const text = await readBody(body, request, maxErrorBytes).catch(() => "");
  const message = messageOf(text);
  const retryAfter = Number(headers["retry-after"]);
  return new KubernetesError(
    "REFUSED",
    `${request.method} ${request.path}: ${statusCode}${message === "" ? "" : `: ${message}`}`,
    {
      status: statusCode,
      ...(retryAfter > 0 ? { retryAfterMs: retryAfter * 1_000 } : {}),
    },
  );
}

/** The message of a Status object, cut to a length that fits into a log line. */
function messageOf(text: string): string {
  try {
    const json: unknown = JSON.parse(text);
    return isJsonObject(json) ? textOf(json, "message").slice(0, 1_000) : "";
  } catch {
    // A proxy's page, say: the status has to do.
    return "";
  }
}

async function readBody(
  body: Dispatcher.ResponseData["body"],
  request: ApiRequest,
  maxBytes: number,
): Promise<string> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of translated(body, request)) {
    bytes += piece.length;
    if (bytes > maxBytes) {
      body.destroy();
      throw tooLarge(request, maxBytes);
    }
    pieces.push(piece);
  }
  return Buffer.concat(pieces, bytes).toString("utf8");
}

/** The pieces of a body; what it fails with is one of our errors. */
async function* translated(
  body: Dispatcher.ResponseData["body"],
  request: ApiRequest,
): AsyncGenerator<Buffer> {
  try {
    for await (const piece of body) yield piece as Buffer;
  } catch (cause) {
    throw bodyError(cause, request);
  }
}

function parseBody(text: string, request: ApiRequest): JsonObject {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new KubernetesError(
      "INVALID_ANSWER",
      `${request.method} ${request.path}: the answer is not valid JSON`,
      { cause },
    );
  }
  if (isJsonObject(json)) return json;
  throw new KubernetesError(
    "INVALID_ANSWER",
    `${request.method} ${request.path}: the answer is not a JSON object`,
  );
}

function tooLarge(request: ApiRequest, maxBytes: number): KubernetesError {
  return new KubernetesError(
    "TOO_LARGE",
    `${request.method} ${request.path}: the answer is larger than ${maxBytes} bytes`,
  );
}

function connectionError(cause: unknown, request: ApiRequest, server: string): KubernetesError {
  if (request.signal?.aborted === true) return aborted(request);
  const { code = "", message = "" } = cause as { code?: string; message?: string };
  const what = `${request.method} ${request.path}`;
  return timeoutCodes.has(code)
    ? new KubernetesError("TIMEOUT", `${what}: no answer from ${server} in time`, { cause })
    : new KubernetesError("UNREACHABLE", `${what}: ${server}: ${message || code}`, { cause });
}

function isCertificateError(cause: unknown): boolean {
  return /CERT|TLS|SSL|SIGNATURE/.test(String((cause as { code?: unknown }).code ?? ""));
}

function bodyError(cause: unknown, request: ApiRequest): KubernetesError {
  if (isKubernetesError(cause)) return cause;
  if (request.signal?.aborted === true) return aborted(request);
  const { code = "", message = "" } = cause as { code?: string; message?: string };
  const what = `${request.method} ${request.path}`;
  return timeoutCodes.has(code)
    ? new KubernetesError("SILENT", `${what}: the rest of the answer did not come in time`, {
        cause,
      })
    : new KubernetesError("BROKEN_OFF", `${what}: the answer broke off: ${message || code}`, {
        cause,
      });
}

const timeoutCodes: ReadonlySet<string> = new Set([
  "UND_ERR_HEADERS_TIMEOUT",
  "UND_ERR_BODY_TIMEOUT",
  "UND_ERR_CONNECT_TIMEOUT",
]);

function aborted({ method, path }: ApiRequest): KubernetesError {
  return new KubernetesError("ABORTED", `${method} ${path}: aborted`);
}
