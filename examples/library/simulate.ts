import { createSimulatedServer, parseVllmArgs } from "@umbra/simulator";

const { options } = parseVllmArgs(["--model", "/model/llama2", "--max-model-len", "4096"]);
const server = createSimulatedServer(options);
console.log(await server.listen(8000));
