import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { create, toBinary } from "@bufbuild/protobuf";
import { type Client, Metadata, type MethodDefinition } from "@grpc/grpc-js";
import { streamMetadata } from "@umbra/envoy-config";
import { ExternalProcessor, ProcessingRequestSchema } from "@umbra/ext-proc/internal";
import { modes } from "./exchange.ts";

export type Lane = "primary" | "shadow";

export interface Usage {
  readonly cpuMs: number;
  readonly rssMb: number;
  readonly pairs: number;
  /** Of primaries' answers that were measured. */
  readonly tokens: number;
}

/** What the server has used so far. */
export async function usageOf(child: ChildProcess): Promise<Usage> {
  child.send("usage");
  const [usage] = (await once(child, "message")) as [Usage];
  return usage;
}

const raw: MethodDefinition<Buffer, Buffer> = {
  path: `/${ExternalProcessor.typeName}/Process`,
  requestStream: true,
  responseStream: true,
  requestSerialize: (bytes) => bytes,
  requestDeserialize: (bytes) => bytes,
  responseSerialize: (bytes) => bytes,
  responseDeserialize: (bytes) => bytes,
};

type Init = Parameters<typeof create<typeof ProcessingRequestSchema>>[1];

function encode(init: Init): Buffer {
  return Buffer.from(toBinary(ProcessingRequestSchema, create(ProcessingRequestSchema, init)));
}

function headerMap(values: Readonly<Record<string, string>>) {
  return {
    headers: Object.entries(values).map(([key, value]) => ({ key, rawValue: Buffer.from(value) })),
  };
}

function metadataOf(lane: Lane): Metadata {
  const metadata = new Metadata();
  metadata.set(streamMetadata.lane, lane);
  metadata.set(streamMetadata.pool, `default/${lane}`);
  metadata.set(streamMetadata.mirrors, "default/direct/0/mirror/0");
  return metadata;
}

const requestBody = Buffer.from('{"model":"m","stream":true,"messages":[]}');

/** Picks one request as Envoy's filter does, and leaves the stream open; `end` closes it. */
export function pick(
  client: Client,
  lane: Lane,
  requestId: string,
): Promise<{ readonly end: () => void }> {
  const call = open(client, lane);
  const headers = {
    ":method": "POST",
    ":path": "/v1/chat/completions",
    "content-type": "application/json",
    "x-request-id": requestId,
  };
  return new Promise((resolve, reject) => {
    let answers = 0;
    call.on("data", () => {
      answers++;
      if (answers === 1) {
        const value = { body: requestBody, endOfStream: true };
        call.write(encode({ request: { case: "requestBody", value } }));
      } else {
        resolve({ end: () => call.end() });
      }
    });
    call.on("error", reject);
    call.write(
      encode({
        request: {
          case: "requestHeaders",
          value: { headers: headerMap(headers), endOfStream: false },
        },
        protocolConfig: { requestBodyMode: modes.BUFFERED },
      }),
    );
  });
}

function open(client: Client, lane: Lane) {
  return client.makeBidiStreamRequest(
    raw.path,
    raw.requestSerialize,
    raw.responseDeserialize,
    metadataOf(lane),
  );
}

/** An SSE event as vLLM sends it. */
const token = Buffer.from(
  `data: ${JSON.stringify({ id: "chatcmpl-5c0f2f5e5a8b4d529d7c7f6a1c1f0b11", object: "chat.completion.chunk", created: 1_795_000_000, model: "m", choices: [{ index: 0, delta: { content: " word" }, logprobs: null, finish_reason: null }] })}\n\n`,
);
const tokenMessage = encode({
  observabilityMode: true,
  request: { case: "responseBody", value: { body: token, endOfStream: false } },
});
const lastMessage = encode({
  observabilityMode: true,
  request: {
    case: "responseBody",
    value: { body: Buffer.from("data: [DONE]\n\n"), endOfStream: true },
  },
});
const responseHeaders = encode({
  observabilityMode: true,
  request: {
    case: "responseHeaders",
    value: {
      headers: headerMap({ ":status": "200", "content-type": "text/event-stream" }),
      endOfStream: false,
    },
  },
});

/** Sends copies of one answer of `chunks` token events, as Envoy's observe filter does. Resolves at the server's end. */
export function observe(
  client: Client,
  lane: Lane,
  requestId: string,
  chunks: number,
): Promise<void> {
  const call = open(client, lane);
  const headers = {
    ":method": "POST",
    ":path": "/v1/chat/completions",
    "x-request-id": requestId,
  };
  return new Promise((resolve, reject) => {
    call.on("data", () => {});
    call.on("end", resolve);
    call.on("error", reject);
    let isOver = false;
    call.on("end", () => {
      isOver = true;
    });
    call.write(
      encode({
        observabilityMode: true,
        request: {
          case: "requestHeaders",
          value: { headers: headerMap(headers), endOfStream: false },
        },
      }),
    );
    call.write(responseHeaders);
    let sent = 0;
    const send = () => {
      while (sent < chunks && !isOver) {
        sent++;
        if (!call.write(tokenMessage)) {
          call.once("drain", send);
          return;
        }
      }
      if (!isOver) call.end(lastMessage);
    };
    send();
  });
}
