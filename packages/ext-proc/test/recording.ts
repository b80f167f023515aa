import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { inflateRawSync } from "node:zlib";
import type { Decision, PickExchange } from "@umbra/ext-proc";

/** One ext_proc stream as the real Envoy has played it; `npm run record:ext-proc` writes them. */
export interface Recording {
  readonly envoy: string;
  /** How the filter was configured. */
  readonly processingMode: Readonly<Record<string, string>>;
  /** What Envoy sent: each message, and how many answers the server had given by then. */
  readonly messages: readonly RecordedMessage[];
  /** How Envoy ended the stream; `server`: it was us. */
  readonly end: "half-close" | "reset" | "server";
}

export interface RecordedMessage {
  readonly after: number;
  /** A ProcessingRequest in base64; a long one deflated first. */
  readonly bytes?: string;
  readonly deflated?: string;
}

export const recordedFolder: string = fileURLToPath(new URL("recorded/", import.meta.url));

/** All recordings, by mode and case. */
export function recordings(): readonly { mode: string; name: string; recording: Recording }[] {
  return readdirSync(recordedFolder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name: mode }) =>
      readdirSync(join(recordedFolder, mode)).map((file) => ({
        mode,
        name: file.replace(".json", ""),
        recording: JSON.parse(readFileSync(join(recordedFolder, mode, file), "utf8")) as Recording,
      })),
    );
}

export function bytesOf({ bytes, deflated }: RecordedMessage): Buffer {
  return bytes === undefined
    ? inflateRawSync(Buffer.from(deflated ?? "", "base64"))
    : Buffer.from(bytes, "base64");
}

/** The header by which a client chose what the recorded server decided, and what that was. */
export const decisionHeader = "x-decision";
export const destination = { name: "x-gateway-destination-endpoint", value: "127.77.0.1:8000" };
export const newBody = '{"model":"rewritten"}';

/** The processor that the recordings were made with, and are played to. */
export function recordedExchange(): Required<Pick<PickExchange, "decide">> {
  return {
    decide(headers): Decision {
      switch (headers.get(decisionHeader)) {
        case "refuse":
          return { kind: "reply", status: 429, headers: [], body: "{}", details: "refused" };
        case "rewrite": {
          const length = { name: "content-length", value: String(newBody.length) };
          return { kind: "route", setHeaders: [destination, length], body: Buffer.from(newBody) };
        }
        default:
          return { kind: "route", setHeaders: [destination] };
      }
    },
  };
}
