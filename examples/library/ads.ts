import { createGrpcServer, statusCode } from "@umbra/grpc";
import { createAdsServer, emptySnapshot, encodeResource } from "@umbra/xds";

const ads = createAdsServer({
  observer: { refused: (node, kind, rejections) => console.error(node, kind, rejections) },
});
const server = createGrpcServer({
  methods: ads.methods,
  maxMessageBytes: 4 * 1024 * 1024,
  maxConcurrentStreams: 100,
  onThrow: () => ({ code: statusCode.internal, message: "the stream failed" }),
});
await server.listen("unix:/run/umbra/ads.sock");
const cluster = encodeResource("cds", "llama", { name: "llama", connect_timeout: "1s" });
ads.update({ ...emptySnapshot, cds: new Map([["llama", cluster]]) });
