import { createExtProcServer } from "@umbra/ext-proc";

const server = createExtProcServer({
  processor: {
    // Once per request, when headers and body are there.
    pick: () => ({
      decide: (headers) => ({
        kind: "route",
        setHeaders: [{ name: "x-seen-path", value: headers.get(":path") ?? "" }],
      }),
    }),
    // Once per observed request: nothing to do here.
    observe: () => ({}),
  },
});
console.log(await server.listen("127.0.0.1:9002"));
server.setServing(true);
