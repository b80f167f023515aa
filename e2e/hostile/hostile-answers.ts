import type { ServerResponse } from "node:http";
import { gzipBomb } from "../harness/gzip-bomb.ts";

/** Writes an answer to one request. */
type Answer = (response: ServerResponse, isStream: boolean) => void;

const event = (content: string) =>
  `data: ${JSON.stringify({ id: "x", object: "chat.completion.chunk", choices: [{ index: 0, delta: { content } }] })}\n\n`;
const usage = (counts: object) => `data: ${JSON.stringify({ choices: [], usage: counts })}\n\n`;
const sse = { "content-type": "text/event-stream" };
const json = { "content-type": "application/json" };
const done = "data: [DONE]\n\n";

/** A flood is over after so long, in ms: attacks are bounded. */
const floodMs = 8_000;
const blockBytes = 65_536;

/** Made before anything is measured: what a hostile server does is to send. */
const bombs = { 60: gzipBomb(60), 1000: gzipBomb(1_000) };

/** Sends a block repeatedly, as fast as it is read. */
function flood(response: ServerResponse, block: Buffer): void {
  const endMs = performance.now() + floodMs;
  const go = () => {
    while (!response.destroyed) {
      if (performance.now() > endMs) return void response.end();
      if (!response.write(block)) return void response.once("drain", go);
    }
  };
  go();
}

/** Sends a piece at a time, for as long as a flood lasts. */
function drip(response: ServerResponse, piece: string, everyMs: number): void {
  const timer = setInterval(() => response.write(piece), everyMs);
  const end = setTimeout(() => response.end(), floodMs);
  response.on("close", () => {
    clearInterval(timer);
    clearTimeout(end);
  });
}

const filled = (text: string) => Buffer.from(text.repeat(Math.ceil(blockBytes / text.length)));

const deltas = filled(event("x"));
const smallLines = filled("data: {}\n");
const longLine = Buffer.alloc(blockBytes, "x");
const deepLine = Buffer.from(`data: ${"[".repeat(1_000_000)}\n\n`);
const deepBody = Buffer.alloc((2 << 20) - 10, "[");
const manyKeys = Buffer.from(
  JSON.stringify(Object.fromEntries(Array.from({ length: 80_000 }, (_, i) => [`k${i}`, 1]))),
);

const well: Answer = (response, isStream) => {
  if (isStream) {
    response.writeHead(200, sse);
    for (const word of ["in", " the", " first", " place"]) response.write(event(word));
    response.end(usage({ prompt_tokens: 3, completion_tokens: 4 }) + done);
    return;
  }
  const message = { role: "assistant", content: "in the first place" };
  response.writeHead(200, json).end(
    JSON.stringify({
      ...{ id: "x", object: "chat.completion", model: "m" },
      choices: [{ index: 0, message, finish_reason: "stop" }],
      usage: { prompt_tokens: 3, completion_tokens: 4 },
    }),
  );
};

const lying =
  (counts: object): Answer =>
  (response) =>
    void response.writeHead(200, sse).end(event("x") + usage(counts) + done);

const compressed =
  (mebibytes: keyof typeof bombs): Answer =>
  (response, isStream) =>
    void response
      .writeHead(200, { ...(isStream ? sse : json), "content-encoding": "gzip" })
      .end(bombs[mebibytes]);

/** What a hostile model server answers with. */
export const answers = {
  well,
  gzip60: compressed(60),
  gzip1000: compressed(1000),
  flood: (response) => flood(response.writeHead(200, sse), deltas),
  smallLines: (response) => flood(response.writeHead(200, sse), smallLines),
  endlessLine(response) {
    response.writeHead(200, sse).write("data: ");
    flood(response, longLine);
  },
  deepLines(response) {
    response.writeHead(200, sse);
    const line = deepLine;
    let left = 20;
    const go = () => {
      if (left-- > 0 && !response.destroyed) response.write(line, go);
      else response.end();
    };
    go();
  },
  deepBody: (response) => void response.writeHead(200, json).end(deepBody),
  manyKeys: (response) => void response.writeHead(200, json).end(manyKeys),
  drip: (response) => drip(response.writeHead(200, sse), event("x"), 200),
  bytes: (response) => drip(response.writeHead(200, json), " ", 2),
  reset: (response) => void response.socket?.destroy(),
  resetLater(response) {
    response.writeHead(200, sse).write(event("x"));
    setTimeout(() => response.socket?.destroy(), 50);
  },
  endlessHeaders(response) {
    const { socket } = response;
    socket?.write("HTTP/1.1 200 OK\r\n");
    const timer = setInterval(() => socket?.write(`x-a: ${"b".repeat(1_000)}\r\n`), 1);
    setTimeout(() => socket?.destroy(), floodMs).unref();
    socket?.on("close", () => clearInterval(timer));
    socket?.on("error", () => {});
  },
  manyHeaders(response) {
    for (let i = 0; i < 200; i++) response.setHeader(`x-h${i}`, "v".repeat(200));
    response.writeHead(200, json).end("{}");
  },
  hugeUsage: lying({ prompt_tokens: 9e15, completion_tokens: 9e15 }),
  wordyUsage: lying({ prompt_tokens: "many", completion_tokens: -1 }),
  hang: () => {},
  refused: (response) => void response.writeHead(500, json).end('{"error":{}}'),
} satisfies Record<string, Answer>;

export type AnswerKind = keyof typeof answers;
