// The bare server with protobufjs: BUFFERED only.
import { Server, ServerCredentials, type ServerDuplexStream } from "@grpc/grpc-js";
import { pbjsTypes } from "../harness/pbjs.ts";

const { request, response } = await pbjsTypes();
const headers = response.create({ requestHeaders: {} });
const body = response.create({ requestBody: {} });

const server = new Server({ "grpc.max_receive_message_length": 64 * 1024 * 1024 });
server.addService(
  {
    process: {
      path: "/envoy.service.ext_proc.v3.ExternalProcessor/Process",
      requestStream: true,
      responseStream: true,
      requestSerialize: (message: object) => Buffer.from(request.encode(message).finish()),
      requestDeserialize: (bytes: Buffer) => request.decode(bytes),
      responseSerialize: (message: object) => Buffer.from(response.encode(message).finish()),
      responseDeserialize: (bytes: Buffer) => response.decode(bytes),
    },
  },
  {
    process(call: ServerDuplexStream<{ requestHeaders?: object }, object>) {
      call.on("data", (message: { requestHeaders?: object | null }) => {
        call.write(message.requestHeaders ? headers : body);
      });
      call.on("end", () => call.end());
    },
  },
);
server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  process.send?.(port);
});
