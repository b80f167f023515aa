// A bare grpc-js server: it speaks ext_proc, decodes every message and decides nothing. With endpoints as its argument
// it names each in turn, and holds pieces of a body back until it has, as a real Envoy needs it.
import { create } from "@bufbuild/protobuf";
import { Server, ServerCredentials, type ServerDuplexStream } from "@grpc/grpc-js";
import {
  ExternalProcessor,
  type ProcessingRequest,
  type ProcessingResponse,
  ProcessingResponseSchema,
} from "@umbra/ext-proc/internal";
import { methodDefinition } from "../../packages/grpc/test/method-definition.ts";
import { tell } from "../harness/tell.ts";

type Call = ServerDuplexStream<ProcessingRequest, ProcessingResponse | Uint8Array>;

const fullDuplex = 4;
const endpoints = process.argv[2]?.split(",") ?? [];
const nameless = create(ProcessingResponseSchema, {
  response: { case: "requestHeaders", value: {} },
});
const names = endpoints.map((endpoint) => {
  const header = { key: "x-gateway-destination-endpoint", rawValue: Buffer.from(endpoint) };
  const value = { response: { headerMutation: { setHeaders: [{ header }] } } };
  return create(ProcessingResponseSchema, { response: { case: "requestHeaders", value } });
});
let next = 0;
const headers = () => names[next++ % names.length] ?? nameless;
const body = create(ProcessingResponseSchema, { response: { case: "requestBody", value: {} } });

const server = new Server({ "grpc.max_receive_message_length": 64 * 1024 * 1024 });
server.addService(
  { process: methodDefinition(ExternalProcessor.method.process) },
  {
    process(call: Call) {
      let isFullDuplex = false;
      const held: ProcessingResponse[] = [];
      call.on("data", ({ request, protocolConfig }: ProcessingRequest) => {
        if (protocolConfig !== undefined)
          isFullDuplex = protocolConfig.requestBodyMode === fullDuplex;
        if (request.case === "requestHeaders") {
          if (!isFullDuplex) call.write(headers());
        } else if (request.case === "requestBody") {
          if (!isFullDuplex) call.write(body);
          else {
            const { body: piece, endOfStream } = request.value;
            if (endOfStream) call.write(headers());
            if (endOfStream) for (const each of held) call.write(each);
            const streamedResponse = { body: piece, endOfStream };
            const bodyMutation = {
              mutation: { case: "streamedResponse" as const, value: streamedResponse },
            };
            const answer = create(ProcessingResponseSchema, {
              response: { case: "requestBody", value: { response: { bodyMutation } } },
            });
            if (endOfStream || endpoints.length === 0) call.write(answer);
            else held.push(answer);
          }
        } else if (request.case === "responseBody") {
          const { body: piece, endOfStream } = request.value;
          const streamedResponse = { body: piece, endOfStream };
          const bodyMutation = {
            mutation: { case: "streamedResponse" as const, value: streamedResponse },
          };
          call.write(
            create(ProcessingResponseSchema, {
              response: { case: "responseBody", value: { response: { bodyMutation } } },
            }),
          );
        } else if (request.case !== undefined) {
          call.write(
            create(ProcessingResponseSchema, { response: { case: request.case, value: {} } }),
          );
        }
      });
      call.on("end", () => call.end());
    },
  },
);
// Envoy's health checks go to every picker; without an answer it takes this one for dead.
const serving = Buffer.from([8, 1]);
const same = (bytes: Buffer) => bytes;
server.addService(
  {
    check: {
      path: "/grpc.health.v1.Health/Check",
      requestStream: false,
      responseStream: false,
      requestSerialize: same,
      requestDeserialize: same,
      responseSerialize: same,
      responseDeserialize: same,
    },
  },
  {
    check(_call: unknown, answer: (error: null, bytes: Buffer) => void) {
      answer(null, serving);
    },
  },
);
server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  tell(port);
});
