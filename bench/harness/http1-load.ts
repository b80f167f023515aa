import { connect, type Socket } from "node:net";

/** What clients saw of one closed loop. */
export interface LoadResult {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly requests: number;
  /** Answers with another status, and connections that broke. */
  readonly not200: number;
}

/**
 * One request after the other on each of `connections`, for this many seconds. Speaks HTTP/1.1 by hand: a client library
 * would use up more of the machine than what is measured. Of answers it reads as much as says where they end.
 */
export async function closedLoop(
  port: number,
  request: Buffer,
  connections: number,
  seconds: number,
): Promise<LoadResult> {
  const times: number[] = [];
  let not200 = 0;
  const started = performance.now();
  const end = started + seconds * 1_000;
  await Promise.all(
    Array.from({ length: connections }, async () => {
      let connection = await open(port);
      while (performance.now() < end) {
        const sent = performance.now();
        const status = await connection.send(request);
        times.push(performance.now() - sent);
        if (status !== 200) not200++;
        if (status === 0) connection = await open(port);
      }
      connection.close();
    }),
  );
  const elapsedMs = performance.now() - started;
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN;
  return {
    perSecond: (times.length * 1_000) / elapsedMs,
    p50: at(0.5),
    p99: at(0.99),
    requests: times.length,
    not200,
  };
}

/** A POST as clients of model servers send it. */
export function postRequest(host: string, body: string): Buffer {
  const head = [
    "POST /v1/chat/completions HTTP/1.1",
    `host: ${host}`,
    "content-type: application/json",
    `content-length: ${Buffer.byteLength(body)}`,
  ];
  return Buffer.from(`${head.join("\r\n")}\r\n\r\n${body}`);
}

interface Connection {
  /** The answer's status; 0 when the connection broke. */
  send(request: Buffer): Promise<number>;
  close(): void;
}

async function open(port: number): Promise<Connection> {
  const socket: Socket = connect({ host: "127.0.0.1", port, noDelay: true });
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });
  let waiting: ((status: number) => void) | undefined;
  let [status, missing, head, tail] = [0, -1, "", ""];
  let isChunked = false;
  const answered = (of: number) => {
    const resolve = waiting;
    [waiting, status, missing, head, tail] = [undefined, 0, -1, "", ""];
    isChunked = false;
    resolve?.(of);
  };
  socket.on("data", (chunk) => {
    if (isChunked) {
      tail = (tail + chunk.toString("latin1")).slice(-5);
      if (tail === "0\r\n\r\n") answered(status);
      return;
    }
    if (missing < 0) {
      head += chunk.toString("latin1");
      const bodyAt = head.indexOf("\r\n\r\n") + 4;
      if (bodyAt < 4) return;
      status = Number(head.slice(9, 12));
      isChunked = /\r\ntransfer-encoding: chunked\r\n/i.test(head.slice(0, bodyAt - 2));
      if (isChunked) {
        tail = head.slice(bodyAt).slice(-5);
        if (tail === "0\r\n\r\n") answered(status);
        return;
      }
      const length = /content-length: (\d+)/i.exec(head.slice(0, bodyAt))?.[1];
      if (length === undefined) throw new Error(`an answer without length: ${head.slice(0, 200)}`);
      missing = Number(length) - (head.length - bodyAt);
    } else {
      missing -= chunk.length;
    }
    if (missing === 0) answered(status);
  });
  socket.on("error", () => {});
  socket.on("close", () => answered(0));
  return {
    send: (request) =>
      new Promise((resolve) => {
        waiting = resolve;
        if (socket.destroyed) answered(0);
        else socket.write(request);
      }),
    close: () => socket.destroy(),
  };
}
