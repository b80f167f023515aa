import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";
import type { PeerKeys } from "./peer-keys.ts";
import { peerClientTls } from "./peer-tls.ts";
import { maxReportBytes, parseReport, type ReplicaReport } from "./report-line.ts";

/** The connection to one address of a peer, which is opened again when it ends. */
export interface PeerLink {
  readonly address: string;
  /**
   * `new`: not tried yet. `ready`: reports arrive. `away`: it can't be reached or sends no report. `other`: the address
   * leads to this process, or to a peer that another link has.
   */
  readonly state: "new" | "ready" | "away" | "other";
  /** Name of the peer's process; undefined unless it is ready. */
  readonly replica: string | undefined;
  /** Returns the text of an answer; undefined for one other than 200. Rejects if there is none within 10 s. */
  get(path: string): Promise<string | undefined>;
  close(): void;
}

export interface PeerLinkOptions {
  readonly keys: PeerKeys;
  /** Returns false for a peer that needs no link: this process itself, or one with another link. */
  readonly accepts: (replica: string, link: PeerLink) => boolean;
  readonly onReport: (replica: string, report: ReplicaReport) => void;
  /** A line that is no report: the connection ends. */
  readonly onInvalid: () => void;
  /** A peer is no longer ready. */
  readonly onAway: (replica: string) => void;
  /** 0 to 1 */
  readonly random: () => number;
  /** In ms; by default, that of the process. */
  readonly now?: () => number;
}

/** Longest silence of a ready peer, in ms: it speaks every 250 ms. */
const silenceMs = 1_500;
const connectMs = 2_000;
const answerMs = 10_000;
/** Longest answer, in bytes. */
const maxAnswerBytes = 8 * 1024 * 1024;
const firstBackOffMs = 250;
const maxBackOffMs = 5_000;
/** An address of this process or of a known peer may lead elsewhere later. */
const otherRetryMs = 30_000;
/** More than this in one second is not read: the connection ends. A peer's reports take at most 2 % of its core. */
const maxReportsPerSecond = 400;
const maxBytesPerSecond = 8 * 1024 * 1024;

export function openPeerLink(address: string, options: PeerLinkOptions): PeerLink {
  const link = new Link(address, options);
  link.open();
  return link;
}

class Link implements PeerLink {
  readonly address: string;
  state: PeerLink["state"] = "new";
  replica: string | undefined = undefined;
  readonly #options: PeerLinkOptions;
  #session: ClientHttp2Session | undefined = undefined;
  #timer: NodeJS.Timeout | undefined = undefined;
  #backOffMs = firstBackOffMs;
  #isClosed = false;
  /** The start of an unfinished line. */
  #pieces: Buffer[] = [];
  #pendingBytes = 0;
  #second = 0;
  #reports = 0;
  #reportBytes = 0;
  /** The address leads to a peer that needs no link, as far as this connection has found out. */
  #isOther = false;

  constructor(address: string, options: PeerLinkOptions) {
    this.address = address;
    this.#options = options;
  }

  open(): void {
    const session = connect(`https://${this.address}`, {
      ...peerClientTls(this.#options.keys),
      settings: { enablePush: false, initialWindowSize: maxReportBytes },
      maxSessionMemory: 16,
    });
    this.#session = session;
    this.#expectWithin(connectMs);
    session.on("error", () => undefined);
    session.on("close", () => this.#ended(session));
    const stream = session.request({ ":path": "/v1/reports" });
    stream.on("error", () => undefined);
    stream.on("response", (headers) => {
      const { ":status": status, "umbra-replica": replica } = headers;
      this.#answered(status, typeof replica === "string" ? replica : "");
    });
    stream.on("data", (chunk: Buffer) => this.#read(chunk));
    stream.on("close", () => session.destroy());
  }

  get(path: string): Promise<string | undefined> {
    const session = this.#session;
    if (session === undefined || session.destroyed) return Promise.reject(away(this.address));
    return answerOf(session.request({ ":path": path }), this.address);
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#session?.destroy();
  }

  #answered(status: number | undefined, replica: string): void {
    const isNamed = status === 200 && /^[0-9a-f]{32}$/.test(replica);
    if (isNamed && this.#options.accepts(replica, this)) {
      this.replica = replica;
      return;
    }
    this.#isOther = isNamed;
    this.#session?.destroy();
  }

  #read(chunk: Buffer): void {
    let at = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, at)) {
      const line = Buffer.concat([...this.#pieces, chunk.subarray(at, end)]);
      this.#pieces = [];
      this.#pendingBytes = 0;
      at = end + 1;
      this.#take(line.toString());
    }
    if (at === chunk.length) return;
    this.#pieces.push(chunk.subarray(at));
    this.#pendingBytes += chunk.length - at;
    if (this.#pendingBytes > maxReportBytes) this.#refuse();
  }

  #take(line: string): void {
    const { replica } = this;
    // What came together with a refused line is not read.
    if (replica === undefined || this.#session?.destroyed === true) return;
    const report = this.#isTooMuch(line.length) ? undefined : parseReport(line);
    if (report === undefined) {
      this.#refuse();
      return;
    }
    this.state = "ready";
    this.#backOffMs = firstBackOffMs;
    this.#expectWithin(silenceMs);
    this.#options.onReport(replica, report);
  }

  #isTooMuch(bytes: number): boolean {
    const { now = () => performance.now() } = this.#options;
    const second = Math.floor(now() / 1_000);
    if (second !== this.#second) [this.#second, this.#reports, this.#reportBytes] = [second, 0, 0];
    this.#reports++;
    this.#reportBytes += bytes;
    return this.#reports > maxReportsPerSecond || this.#reportBytes > maxBytesPerSecond;
  }

  #refuse(): void {
    this.#options.onInvalid();
    this.#backOffMs = maxBackOffMs;
    this.#session?.destroy();
  }

  #expectWithin(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#session?.destroy(), ms).unref();
  }

  #ended(session: ClientHttp2Session): void {
    if (session !== this.#session) return;
    clearTimeout(this.#timer);
    this.#pieces = [];
    this.#pendingBytes = 0;
    const { replica } = this;
    this.replica = undefined;
    this.state = this.#isOther ? "other" : "away";
    this.#isOther = false;
    if (replica !== undefined) this.#options.onAway(replica);
    if (this.#isClosed) return;
    const pauseMs = this.state === "other" ? otherRetryMs : this.#backOffMs;
    this.#backOffMs = Math.min(maxBackOffMs, 2 * this.#backOffMs);
    this.#timer = setTimeout(() => this.open(), pauseMs * (0.5 + this.#options.random())).unref();
  }
}

function answerOf(stream: ClientHttp2Stream, address: string): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let [status, bytes] = [0, 0];
    const fail = (why: string) => {
      clearTimeout(timer);
      stream.destroy();
      reject(new Error(`${address} ${why}`));
    };
    const timer = setTimeout(() => fail("has not answered in time"), answerMs).unref();
    stream.on("response", (headers) => {
      status = headers[":status"] ?? 0;
    });
    stream.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > maxAnswerBytes) fail("answers with more than 8 MiB");
    });
    stream.on("error", () => fail("has gone"));
    stream.on("close", () => fail("has gone"));
    stream.on("end", () => {
      clearTimeout(timer);
      resolve(status === 200 ? Buffer.concat(chunks).toString() : undefined);
    });
  });
}

function away(address: string): Error {
  return new Error(`${address} can't be reached`);
}
