import type { JsonObject, ResourceStore } from "@umbra/envoy-config";

/** The ways in which objects come to a store. Both go through the same reader. */
export const backings: readonly {
  readonly backing: string;
  readonly put: (store: ResourceStore, name: string, object: JsonObject) => void;
}[] = [
  {
    backing: "a folder of files",
    put: (store, name, object) => store.put({ name: `${name}.yaml`, text: JSON.stringify(object) }),
  },
  {
    backing: "an API server",
    put: (store, _name, object) => store.putObject(object),
  },
];
