import { createApiClient, readAccess, startKubernetes } from "@umbra/kubernetes";

const client = createApiClient(readAccess(), "my-gateway/1.0");
const source = startKubernetes({
  client,
  kinds: [{ group: "", version: "v1", plural: "pods", kind: "Pod", isNamespaced: true }],
  onChange: (changes) => console.log(changes.length, "changes"),
  onSynced: () => console.log(source.objects().length, "pods"),
  onProblem: ({ message }) => console.error(message),
});
