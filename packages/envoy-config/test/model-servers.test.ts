import { expect, test } from "@jest/globals";
import { readTopology } from "@umbra/envoy-config";
import fc from "fast-check";
import { propertyRuns } from "../../../testing/property-runs.ts";

const labels = fc.dictionary(fc.constantFrom("app", "tier", "zone"), fc.constantFrom("a", "b"));
const namespace = fc.constantFrom("one", "two");

/** Compares every Deployment with every selector, following the API's documentation. */
test("a Deployment has the pools and Services whose selectors match its Pods", () => {
  const resource = fc.record({ namespace, labels });
  const services = fc.array(fc.record({ namespace, labels }), { maxLength: 12 });
  fc.assert(
    fc.property(fc.array(resource, { maxLength: 6 }), services, (deployments, selecting) => {
      const documents = [
        ...deployments.map((each, index) => ({
          apiVersion: "apps/v1",
          kind: "Deployment",
          metadata: { name: `d${index}`, namespace: each.namespace },
          spec: {
            template: {
              metadata: { labels: each.labels },
              spec: { containers: [{ name: "vllm", args: ["--model", "llama"] }] },
            },
          },
        })),
        ...selecting.map((each, index) => ({
          apiVersion: "v1",
          kind: "Service",
          metadata: { name: `s${index}`, namespace: each.namespace },
          spec: { selector: each.labels, ports: [{ port: 80 }] },
        })),
      ];
      const text = documents.map((each) => JSON.stringify(each)).join("\n---\n");
      const { modelServers } = readTopology([{ name: "x.yaml", text }]).topology;
      const pools = Object.fromEntries(modelServers.map(({ name, pools: of }) => [name, of]));
      const expected = Object.fromEntries(
        deployments.map((each, index) => [
          `${each.namespace}/d${index}`,
          selecting.flatMap((service, at) => {
            const wanted = Object.entries(service.labels);
            const isMet =
              service.namespace === each.namespace &&
              wanted.length > 0 &&
              wanted.every(([key, value]) => each.labels[key] === value);
            return isMet ? [`${service.namespace}/s${at}`] : [];
          }),
        ]),
      );
      expect(pools).toEqual(expected);
    }),
    { numRuns: propertyRuns(40, 200) },
  );
});
