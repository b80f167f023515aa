import { describe, expect, test } from "@jest/globals";
import { createResourceStore, type RouteAttachment } from "@umbra/envoy-config";

const gateway = `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec:
  gatewayClassName: umbra
  listeners:
    - {name: http, port: 80, protocol: HTTP}
    - {name: named, port: 81, protocol: HTTP, hostname: "*.example.com"}
    - {name: closed, port: 82, protocol: HTTP, allowedRoutes: {namespaces: {from: None}}}
    - {name: tls, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: lost}]}}
`;

function attachmentsOf(spec: string): readonly RouteAttachment[] {
  const store = createResourceStore({ isLive: true });
  const route = `apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: r}\nspec: {${spec}}\n`;
  store.put({ name: "x", text: `${gateway}---\n${route}` });
  return store.resolve().attachments;
}

/** `listener: reason`, in the order of the Gateway. */
function verdictsOf(spec: string): readonly string[] {
  return attachmentsOf(spec).map(
    ({ listener = "-", isAccepted, reason }) => `${listener}: ${isAccepted ? "" : "not "}${reason}`,
  );
}

describe("the attachments of a route", () => {
  test("say what became of it at each listener of a Gateway", () => {
    expect(verdictsOf("parentRefs: [{name: gw}], hostnames: [a.example.org]")).toEqual([
      "http: Accepted",
      "named: not NoMatchingListenerHostname",
      "closed: not NotAllowedByListeners",
      "tls: Accepted",
    ]);
  });

  test.each([
    { parent: "{name: gw, sectionName: named}", want: ["named: Accepted"] },
    { parent: "{name: gw, port: 82}", want: ["closed: not NotAllowedByListeners"] },
    { parent: "{name: gw, sectionName: lost}", want: ["-: not NoMatchingParent"] },
    { parent: "{name: lost}", want: ["-: not NoMatchingParent"] },
  ])("of the parent $parent are $want", ({ parent, want }) => {
    expect(verdictsOf(`parentRefs: [${parent}]`)).toEqual(want);
  });

  test("are apart for each parentRef", () => {
    const found = attachmentsOf(
      "parentRefs: [{name: gw, sectionName: http}, {name: gw, port: 80}]",
    );
    expect(found).toEqual([
      {
        route: { namespace: "default", name: "r" },
        parent: { gateway: { namespace: "default", name: "gw" }, section: "http" },
        ...{ listener: "http", isAccepted: true, reason: "Accepted" },
        message: "the listener takes the route",
      },
      expect.objectContaining({
        parent: { gateway: { namespace: "default", name: "gw" }, port: 80 },
        ...{ listener: "http", isAccepted: true },
      }),
    ]);
  });

  test("say that a listener with an error takes the route and is not served", () => {
    const [tls] = attachmentsOf("parentRefs: [{name: gw, sectionName: tls}]");
    expect(tls?.message).toBe("the listener takes the route, but has an error and is not served");
  });

  test("say that a route with an error outside its rules is not accepted", () => {
    const spec = 'parentRefs: [{name: gw, sectionName: http}], hostnames: ["-"]';
    expect(verdictsOf(spec)).toEqual(["http: not UnsupportedValue"]);
  });
});
