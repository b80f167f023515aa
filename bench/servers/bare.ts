// A bare grpc-js server: it speaks ext_proc, decodes every message and decides nothing.
import { create } from "@bufbuild/protobuf";
import { Server, ServerCredentials, type ServerDuplexStream } from "@grpc/grpc-js";
import {
  ExternalProcessor,
  methodDefinition,
  type ProcessingRequest,
  type ProcessingResponse,
  ProcessingResponseSchema,
} from "@umbra/ext-proc";
import { tell } from "../harness/tell.ts";

type Call = ServerDuplexStream<ProcessingRequest, ProcessingResponse | Uint8Array>;

const fullDuplex = 4;
const headers = create(ProcessingResponseSchema, {
  response: { case: "requestHeaders", value: {} },
});
const body = create(ProcessingResponseSchema, { response: { case: "requestBody", value: {} } });

const server = new Server({ "grpc.max_receive_message_length": 64 * 1024 * 1024 });
server.addService(
  { process: methodDefinition(ExternalProcessor.method.process) },
  {
    process(call: Call) {
      let isFullDuplex = false;
      call.on("data", ({ request, protocolConfig }: ProcessingRequest) => {
        if (protocolConfig !== undefined)
          isFullDuplex = protocolConfig.requestBodyMode === fullDuplex;
        if (request.case === "requestHeaders") {
          if (!isFullDuplex) call.write(headers);
        } else if (request.case === "requestBody") {
          if (!isFullDuplex) call.write(body);
          else {
            const { body: piece, endOfStream } = request.value;
            if (endOfStream) call.write(headers);
            const streamedResponse = { body: piece, endOfStream };
            const bodyMutation = {
              mutation: { case: "streamedResponse" as const, value: streamedResponse },
            };
            call.write(
              create(ProcessingResponseSchema, {
                response: { case: "requestBody", value: { response: { bodyMutation } } },
              }),
            );
          }
        }
      });
      call.on("end", () => call.end());
    },
  },
);
server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  tell(port);
});
