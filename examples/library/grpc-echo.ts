import { createGrpcServer, createHealthService, type Method, statusCode } from "@umbra/grpc";

const echo: Method = (call) => ({
  onMessage: (bytes) => call.send([bytes]),
  onEnd: () => call.end(),
  onClose() {},
});
const health = createHealthService({ names: [""], aliveNames: ["liveness"] });
const server = createGrpcServer({
  methods: new Map([["/demo.Echo/Stream", echo], ...health.methods]),
  maxMessageBytes: 4 * 1024 * 1024,
  maxConcurrentStreams: 1_000,
  onThrow: () => ({ code: statusCode.internal, message: "the method failed" }),
});
console.log(await server.listen("127.0.0.1:0"));
health.setServing(true);
