import { create, toBinary } from "@bufbuild/protobuf";
import { Client, credentials, Metadata, type MethodDefinition } from "@grpc/grpc-js";
import { ExternalProcessor, ProcessingRequestSchema } from "@umbra/ext-proc/internal";
import type { Exchange } from "./http2-connection.ts";

export const modes = {
  NONE: 0,
  STREAMED: 1,
  BUFFERED: 2,
  BUFFERED_PARTIAL: 3,
  FULL_DUPLEX_STREAMED: 4,
} as const;
export type Mode = keyof typeof modes;

const headerValues: readonly (readonly [string, string])[] = [
  [":method", "POST"],
  [":path", "/v1/chat/completions"],
  [":authority", "example.com"],
  [":scheme", "http"],
  ["content-type", "application/json"],
  ["x-request-id", "5c0f2f5e-5a8b-4d52-9d7c-7f6a1c1f0b11"],
];

/** What Envoy's filter sends of one request with a prompt of `bodyBytes`, encoded once. */
export function exchangeOf(mode: Mode, bodyBytes: number): Exchange {
  const [first, ...pieces] = messagesOf(mode, bodyBytes).map(framed);
  if (first === undefined) throw new Error("unreachable");
  if (mode === "FULL_DUPLEX_STREAMED") {
    // The whole body goes out at once, and comes back behind the pick.
    return { steps: [{ bytes: Buffer.concat([first, ...pieces]), answers: 0 }], leastAnswers: 2 };
  }
  const steps = [first, ...pieces].map((bytes) => ({ bytes, answers: 1 }));
  return { steps, leastAnswers: steps.length };
}

/** The messages without their framing. */
export function messagesOf(mode: Mode, bodyBytes: number): readonly Buffer[] {
  const text = JSON.stringify({
    model: "m",
    messages: [{ role: "user", content: "x".repeat(bodyBytes) }],
  });
  const body = Buffer.from(text);
  const headers = headerValues.map(([key, value]) => ({ key, rawValue: Buffer.from(value) }));
  const encode = (request: Parameters<typeof create<typeof ProcessingRequestSchema>>[1]) =>
    Buffer.from(toBinary(ProcessingRequestSchema, create(ProcessingRequestSchema, request)));
  const first = encode({
    request: { case: "requestHeaders", value: { headers: { headers }, endOfStream: false } },
    protocolConfig: { requestBodyMode: modes[mode] },
  });
  if (mode === "NONE") return [first];
  const pieceBytes = mode === "FULL_DUPLEX_STREAMED" || mode === "STREAMED" ? 32_768 : body.length;
  const pieces: Buffer[] = [];
  for (let at = 0; at < body.length; at += pieceBytes) {
    const piece = body.subarray(at, at + pieceBytes);
    const endOfStream = at + pieceBytes >= body.length;
    pieces.push(encode({ request: { case: "requestBody", value: { body: piece, endOfStream } } }));
  }
  return [first, ...pieces];
}

function framed(message: Buffer): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

const path = `/${ExternalProcessor.typeName}/Process`;
const raw: MethodDefinition<Buffer, Buffer> = {
  path,
  requestStream: true,
  responseStream: true,
  requestSerialize: (bytes) => bytes,
  requestDeserialize: (bytes) => bytes,
  responseSerialize: (bytes) => bytes,
  responseDeserialize: (bytes) => bytes,
};

export function connect(port: number): Client {
  return new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
    "grpc.max_receive_message_length": -1,
    "grpc.max_send_message_length": -1,
  });
}

/** Plays messages one by one, each after the answer to the one before; resolves when the server has ended its side. */
export function play(client: Client, messages: readonly Buffer[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const call = client.makeBidiStreamRequest(
      raw.path,
      raw.requestSerialize,
      raw.responseDeserialize,
      new Metadata(),
    );
    let next = 0;
    const send = () => {
      const message = messages[next++];
      if (message === undefined) call.end();
      else call.write(message);
    };
    call.on("data", send);
    call.on("error", reject);
    call.on("end", () => resolve());
    send();
  });
}
