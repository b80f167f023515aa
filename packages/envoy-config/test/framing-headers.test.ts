import { expect, test } from "@jest/globals";
import { readTopology, renderBootstrap } from "@umbra/envoy-config";
import fc from "fast-check";
import { propertyRuns } from "../../../testing/property-runs.ts";

// If a resource sets content-length, the model server cuts the request there and reads the rest as the next request on
// a connection that clients share.

const framing = [
  ...["connection", "content-length", "http2-settings", "keep-alive", "proxy-connection"],
  ...["te", "trailer", "transfer-encoding", "upgrade", "expect", "transfer_encoding"],
];

const metadata = { name: "x", namespace: "default" };
const backendRefs = [{ name: "x", port: 80 }];

/** Every resource field that changes a header. */
const places: Record<string, (name: string) => { rule?: object; policy?: object }> = {};
for (const side of ["RequestHeaderModifier", "ResponseHeaderModifier"]) {
  const key = `${side[0]?.toLowerCase()}${side.slice(1)}`;
  const changes = {
    set: (name: string) => ({ set: [{ name, value: "1" }] }),
    add: (name: string) => ({ add: [{ name, value: "1" }] }),
    remove: (name: string) => ({ remove: [name] }),
  };
  for (const [operation, change] of Object.entries(changes)) {
    const filters = (name: string) => [{ type: side, [key]: change(name) }];
    places[`${side} ${operation} of a rule`] = (name) => ({
      rule: { filters: filters(name), backendRefs },
    });
    places[`${side} ${operation} of a backend`] = (name) => ({
      rule: { backendRefs: [{ name: "x", port: 80, filters: filters(name) }] },
    });
  }
}
places["ShadowPolicy set"] = (name) => ({ policy: { headers: { set: { [name]: "1" } } } });
places["ShadowPolicy remove"] = (name) => ({ policy: { headers: { remove: [name] } } });

const mirror = {
  type: "RequestMirror",
  requestMirror: { backendRef: { name: "shadow", port: 80 } },
};

function read({ rule, policy }: { rule?: object; policy?: object }) {
  const resources = [
    {
      ...{ apiVersion: "gateway.networking.k8s.io/v1", kind: "Gateway", metadata },
      spec: {
        gatewayClassName: "umbra",
        listeners: [{ name: "http", port: 8080, protocol: "HTTP" }],
      },
    },
    {
      ...{ apiVersion: "gateway.networking.k8s.io/v1", kind: "HTTPRoute", metadata },
      spec: { parentRefs: [{ name: "x" }], rules: [rule ?? { backendRefs, filters: [mirror] }] },
    },
    ...["x", "shadow"].map((name, i) => ({
      ...{ apiVersion: "v1", kind: "Service" },
      metadata: {
        ...metadata,
        name,
        annotations: { "umbra.dev/endpoints": `10.0.0.${i + 1}:8000` },
      },
      spec: { ports: [{ port: 80 }] },
    })),
    ...(policy === undefined
      ? []
      : [
          {
            ...{ apiVersion: "umbra.dev/v1alpha1", kind: "ShadowPolicy", metadata },
            spec: {
              targetRefs: [{ group: "gateway.networking.k8s.io", kind: "HTTPRoute", name: "x" }],
              candidates: [
                { backendRef: { group: "", kind: "Service", name: "shadow" }, role: "candidate" },
              ],
              rewrite: policy,
            },
          },
        ]),
  ];
  const text = resources.map((each) => JSON.stringify(each)).join("\n---\n");
  return readTopology([{ name: "x.yaml", text }]);
}

test.each(Object.keys(places))("%s: a header that frames messages is an error", (place) => {
  const name = fc.constantFrom(...framing).chain((each) =>
    fc
      .array(fc.boolean(), { minLength: each.length, maxLength: each.length })
      .map((upper) => [...each].map((letter, i) => (upper[i] ? letter.toUpperCase() : letter)))
      .map((letters) => letters.join("")),
  );
  fc.assert(
    fc.property(name, (header) => {
      const { topology, diagnostics } = read(places[place]?.(header) ?? {});
      const errors = diagnostics.filter(({ severity }) => severity === "error");
      expect(errors.map(({ code }) => code)).toContain("UMB0104");
      const changes = /(?:headers_to_(?:add|remove))[\s\S]{0,300}/gi;
      const written = renderBootstrap(topology).match(changes)?.join("\n").toLowerCase() ?? "";
      expect(written).not.toMatch(new RegExp(`(?:key: |- )${header.toLowerCase()}$`, "m"));
    }),
    { numRuns: propertyRuns(6, 100) },
  );
});

test.each(Object.keys(places))("%s: a header that controls Umbra is an error", (place) => {
  for (const name of ["x-gateway-destination-endpoint", "X-Umbra-Mirror", "x-request-id"]) {
    const { diagnostics } = read(places[place]?.(name) ?? {});
    expect(diagnostics.map(({ code }) => code)).toContain("UMB0104");
  }
});

test.each(Object.keys(places))("%s: any other header may be changed", (place) => {
  const { topology, diagnostics } = read(places[place]?.("x-team") ?? {});
  expect(diagnostics.filter(({ severity }) => severity === "error")).toEqual([]);
  expect(renderBootstrap(topology)).toContain("x-team");
});
