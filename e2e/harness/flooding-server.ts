import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipBomb } from "./gzip-bomb.ts";

/** One flood: a block repeatedly, until a limit. */
export interface Flood {
  readonly block: Buffer;
  /** Sent once, before the first block. */
  readonly first?: string;
  /** Sent once, after the last block. */
  readonly last?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly mostBytes?: number;
  readonly mostMs?: number;
}

export interface FloodingServer {
  readonly address: string;
  /** Requests that were answered by a flood, since `flood` was called last. */
  readonly floods: () => number;
  /** Bytes that others have taken since then. */
  readonly sent: () => number;
  /** Answers with this flood from now on. */
  flood(flood: Flood): void;
  close(): Promise<void>;
}

const event = `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: "x" } }] })}\n\n`;

/** What a hostile shadow says, repeatedly. */
export const floods = {
  deltas: () => ({ block: Buffer.from(event.repeat(1_000)), last: "data: [DONE]\n\n" }),
  "one line without end": () => ({ first: "data: ", block: Buffer.alloc(65_536, "x") }),
  "gzip of 1 GB": () => ({ block: gzipBomb(1_000), headers: { "content-encoding": "gzip" } }),
} satisfies Readonly<Record<string, () => Flood>>;

export type FloodKind = keyof typeof floods;

/** A model server whose streams are a flood, as fast as they are taken. */
export async function startFloodingServer(begin: Flood): Promise<FloodingServer> {
  let now = begin;
  let [count, sent] = [0, 0];
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    response.on("error", () => {});
    request.resume().on("end", () => {
      if (request.method !== "POST") {
        response.writeHead(404).end();
        return;
      }
      count++;
      answer(response, now, (bytes) => {
        sent += bytes;
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    floods: () => count,
    sent: () => sent,
    flood(flood) {
      now = flood;
      [count, sent] = [0, 0];
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answer(response: ServerResponse, flood: Flood, onSent: (bytes: number) => void): void {
  const { block, first = "", last = "", headers } = flood;
  const { mostBytes = Number.POSITIVE_INFINITY, mostMs = Number.POSITIVE_INFINITY } = flood;
  response.writeHead(200, { "content-type": "text/event-stream", ...headers }).write(first);
  const endMs = performance.now() + mostMs;
  let own = 0;
  const more = () => {
    while (!response.destroyed && own < mostBytes && performance.now() < endMs) {
      own += block.length;
      onSent(block.length);
      if (response.write(block)) continue;
      response.once("drain", more);
      return;
    }
    response.end(last);
  };
  more();
}
