import { once } from "node:events";
import { connect } from "node:net";

/** What came back on a connection that was sent bytes. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Without chunk sizes where it came whole. */
  readonly body: string;
  readonly text: string;
}

/** Sends bytes as they are, and collects what comes back until the other side closes, an answer is whole, or 15 s are over. */
export async function raw(origin: string, bytes: string | Buffer): Promise<RawAnswer> {
  const { hostname, port } = new URL(origin);
  const socket = connect(Number(port), hostname);
  let text = "";
  socket.setTimeout(15_000, () => socket.destroy());
  socket.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
    if (isWhole(text)) socket.destroy();
  });
  socket.on("error", () => {});
  const closed = once(socket, "close");
  socket.write(bytes);
  await closed;
  return parsed(text);
}

function isWhole(text: string): boolean {
  const { headers, body } = parsed(text);
  const length = Number(headers["content-length"] ?? Number.NaN);
  return Buffer.byteLength(body) >= length;
}

function parsed(text: string): RawAnswer {
  const end = text.indexOf("\r\n\r\n");
  const [first = "", ...lines] = (end === -1 ? text : text.slice(0, end)).split("\r\n");
  const headers = Object.fromEntries(
    lines.map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  const status = Number(/^HTTP\/1\.\d (\d{3})/.exec(first)?.[1] ?? 0);
  return { status, headers, body: end === -1 ? "" : text.slice(end + 4), text };
}
