import { connect, type Socket } from "node:net";

/**
 * An HTTP/2 connection of the load's own, by hand on a socket: it costs a fraction of what a client library costs, as
 * Envoy does, so that on two cores the server is what is measured. Knows gRPC's framing as far as it counts messages.
 */
export interface Http2Connection {
  /** Sends what `steps` holds, each after the answers that the one before it is owed. */
  play(exchange: Exchange): Promise<Played>;
  close(): void;
}

/** One HTTP request as Envoy's filter tells it. */
export interface Exchange {
  readonly steps: readonly {
    /** gRPC-framed messages. */
    readonly bytes: Buffer;
    /** Messages that are awaited before the next step. */
    readonly answers: number;
  }[];
  /** Fewer messages than this mean that the server has failed. */
  readonly leastAnswers: number;
}

export interface Played {
  /** From the first byte to the last answer that Envoy waits for. */
  readonly tookMs: number;
  /** The server ended the stream before all answers were there. */
  readonly isFailed: boolean;
}

const type = {
  data: 0,
  headers: 1,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
};
const flag = { endStream: 1, ack: 1, endHeaders: 4 };
const frameHead = 9;
const maxFrame = 16_384;
const largestWindow = 2 ** 31 - 1;

interface Stream {
  readonly exchange: Exchange;
  readonly startedMs: number;
  readonly done: (played: Played) => void;
  step: number;
  owed: number;
  answeredMs: number;
  messages: number;
  window: number;
  /** What the peer's window has no room for yet. */
  unsent: Buffer;
  endsAfter: boolean;
  /** Of the answer that is being read: bytes still to come, and the prefix as far as it is here. */
  toCome: number;
  prefix: number[];
}

export function connectHttp2(
  address: { readonly host: string; readonly port: number },
  headers: Readonly<Record<string, string>>,
): Promise<Http2Connection> {
  const block = headerBlock(headers);
  const streams = new Map<number, Stream>();
  const blocked = new Set<number>();
  let nextId = 1;
  let window = 65_535;
  let initialWindow = 65_535;
  let received = 0;
  let pending: Buffer = Buffer.alloc(0);
  let socket: Socket;

  function pump(id: number, stream: Stream): void {
    const out: Buffer[] = [];
    let at = 0;
    while (at < stream.unsent.length) {
      const room = Math.min(maxFrame, stream.unsent.length - at, window, stream.window);
      if (room <= 0) break;
      const isLast = at + room === stream.unsent.length && stream.endsAfter;
      out.push(frame(type.data, isLast ? flag.endStream : 0, id, room));
      out.push(stream.unsent.subarray(at, at + room));
      window -= room;
      stream.window -= room;
      at += room;
    }
    stream.unsent = stream.unsent.subarray(at);
    if (stream.unsent.length > 0) blocked.add(id);
    else blocked.delete(id);
    if (out.length > 0) socket.write(Buffer.concat(out));
  }

  function next(id: number, stream: Stream): void {
    const step = stream.exchange.steps[stream.step++];
    if (step === undefined) {
      stream.answeredMs = performance.now();
      if (!stream.endsAfter) socket.write(frame(type.data, flag.endStream, id, 0));
      return;
    }
    stream.owed = step.answers;
    stream.unsent = step.bytes;
    // Where nothing is awaited the request is over with its last byte.
    stream.endsAfter = step.answers === 0 && stream.step === stream.exchange.steps.length;
    pump(id, stream);
  }

  function data(id: number, payload: Buffer): void {
    received += payload.length;
    if (received > largestWindow / 2) {
      socket.write(windowUpdate(received));
      received = 0;
    }
    const stream = streams.get(id);
    if (stream === undefined) return;
    let at = 0;
    while (at < payload.length) {
      if (stream.toCome === 0) {
        stream.prefix.push(payload[at++] ?? 0);
        if (stream.prefix.length < 5) continue;
        const [, a = 0, b = 0, c = 0, d = 0] = stream.prefix;
        stream.prefix = [];
        stream.toCome = a * 2 ** 24 + b * 2 ** 16 + c * 2 ** 8 + d;
      }
      const taken = Math.min(stream.toCome, payload.length - at);
      stream.toCome -= taken;
      at += taken;
      if (stream.toCome > 0) continue;
      stream.messages++;
      if (stream.owed > 0 && --stream.owed === 0) next(id, stream);
    }
  }

  function ended(id: number): void {
    const stream = streams.get(id);
    if (stream === undefined) return;
    streams.delete(id);
    blocked.delete(id);
    const nowMs = performance.now();
    const { steps, leastAnswers } = stream.exchange;
    const isWhole = stream.step >= steps.length && stream.messages >= leastAnswers;
    const until = stream.answeredMs > 0 ? stream.answeredMs : nowMs;
    stream.done({ tookMs: until - stream.startedMs, isFailed: !isWhole });
  }

  function take(kind: number, flags: number, id: number, payload: Buffer): void {
    switch (kind) {
      case type.data:
        data(id, payload);
        if ((flags & flag.endStream) !== 0) ended(id);
        break;
      case type.headers:
        if ((flags & flag.endStream) !== 0) ended(id);
        break;
      case type.rstStream:
        ended(id);
        break;
      case type.settings:
        if ((flags & flag.ack) !== 0) break;
        for (let at = 0; at + 6 <= payload.length; at += 6) {
          if (payload.readUInt16BE(at) !== 4) continue;
          const before = initialWindow;
          initialWindow = payload.readUInt32BE(at + 2);
          for (const stream of streams.values()) stream.window += initialWindow - before;
        }
        for (const each of blocked) {
          const stream = streams.get(each);
          if (stream !== undefined) pump(each, stream);
        }
        socket.write(frame(type.settings, flag.ack, 0, 0));
        break;
      case type.ping:
        if ((flags & flag.ack) === 0) {
          socket.write(Buffer.concat([frame(type.ping, flag.ack, 0, payload.length), payload]));
        }
        break;
      case type.goAway:
        for (const each of [...streams.keys()]) ended(each);
        break;
      case type.windowUpdate: {
        const more = payload.readUInt32BE(0);
        if (id === 0) window += more;
        else {
          const stream = streams.get(id);
          if (stream !== undefined) stream.window += more;
        }
        for (const each of blocked) {
          const stream = streams.get(each);
          if (stream !== undefined) pump(each, stream);
        }
        break;
      }
    }
  }

  function read(chunk: Buffer): void {
    const bytes = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    let at = 0;
    while (bytes.length - at >= frameHead) {
      const length = bytes.readUIntBE(at, 3);
      if (bytes.length - at < frameHead + length) break;
      const payload = bytes.subarray(at + frameHead, at + frameHead + length);
      take(
        bytes[at + 3] ?? 0,
        bytes[at + 4] ?? 0,
        bytes.readUInt32BE(at + 5) & largestWindow,
        payload,
      );
      at += frameHead + length;
    }
    pending = bytes.subarray(at);
  }

  return new Promise((resolve, reject) => {
    socket = connect({ ...address, noDelay: true });
    socket.on("error", reject);
    socket.on("data", read);
    socket.on("connect", () => {
      const settings = Buffer.alloc(6);
      settings.writeUInt16BE(4, 0);
      settings.writeUInt32BE(largestWindow, 2);
      socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
      socket.write(Buffer.concat([frame(type.settings, 0, 0, 6), settings]));
      socket.write(windowUpdate(largestWindow - 65_535));
      resolve({
        play: (exchange) =>
          new Promise((done) => {
            const id = nextId;
            nextId += 2;
            const stream: Stream = {
              exchange,
              startedMs: performance.now(),
              done,
              step: 0,
              owed: 0,
              answeredMs: 0,
              messages: 0,
              window: initialWindow,
              unsent: Buffer.alloc(0),
              endsAfter: false,
              toCome: 0,
              prefix: [],
            };
            streams.set(id, stream);
            socket.cork();
            socket.write(frame(type.headers, flag.endHeaders, id, block.length));
            socket.write(block);
            next(id, stream);
            socket.uncork();
          }),
        close: () => socket.destroy(),
      });
    });
  });
}

function frame(kind: number, flags: number, id: number, length: number): Buffer {
  const head = Buffer.allocUnsafe(frameHead);
  head.writeUIntBE(length, 0, 3);
  head[3] = kind;
  head[4] = flags;
  head.writeUInt32BE(id, 5);
  return head;
}

function windowUpdate(by: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(by, 0);
  return Buffer.concat([frame(type.windowUpdate, 0, 0, 4), payload]);
}

/** Literal fields, neither indexed nor Huffman-coded: the same bytes for each request. */
function headerBlock(headers: Readonly<Record<string, string>>): Buffer {
  const text = (value: string) => {
    const bytes = Buffer.from(value);
    if (bytes.length > 126) throw new RangeError(`"${value}" is too long for this encoder`);
    return Buffer.concat([Buffer.of(bytes.length), bytes]);
  };
  const fields = Object.entries(headers).map(([name, value]) =>
    Buffer.concat([Buffer.of(0), text(name), text(value)]),
  );
  return Buffer.concat(fields);
}
