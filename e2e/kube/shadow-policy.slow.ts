import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type ApiClient, isKubernetesError } from "@umbra/kubernetes";
import { parse, parseAllDocuments } from "yaml";
import { installDefinitions } from "./definitions.ts";
import { KubeServer } from "./kube-server.ts";

const crds = fileURLToPath(new URL("../../deploy/crds", import.meta.url));
const path = "/apis/umbra.dev/v1alpha1/namespaces/default/shadowpolicies";

interface Rule {
  /** As the definition has it. */
  readonly message: string;
  /** `spec` without `targetRefs`, in YAML. */
  readonly refused: readonly string[];
  readonly accepted: readonly string[];
}

const soundJudge = "{ consent: true, endpoint: 'https://judge/v1/chat/completions', model: j }";

function judge(fields: string): string {
  return `{ evaluation: { outputs: { judge: { ${fields} } } } }`;
}

function refusedBy(header: string): string {
  return `{ evaluation: { outputs: { refusal: { header: ${header} } } } }`;
}

const rules: readonly Rule[] = [
  {
    message: "budget.maxRequests ends mirroring before evaluation.minPairs is reached",
    refused: [
      "{ budget: { maxRequests: 1999 }, evaluation: {} }",
      "{ budget: {}, evaluation: { minPairs: 20001 } }",
    ],
    accepted: [
      "{ budget: { maxRequests: 2000 }, evaluation: {} }",
      "{ budget: { maxRequests: 10 } }",
    ],
  },
  {
    message: "set exactly one of header, user and promptPrefixBytes",
    refused: [
      "{ sampling: { sessionKey: {} } }",
      "{ sampling: { sessionKey: { header: x-session, user: true } } }",
    ],
    accepted: [
      "{ sampling: { sessionKey: { header: x-session } } }",
      "{ sampling: { sessionKey: { promptPrefixBytes: 64 } } }",
    ],
  },
  {
    message: "sampling by session needs a sessionKey",
    refused: ["{ sampling: { by: session } }"],
    accepted: [
      "{ sampling: { by: session, sessionKey: { user: true } } }",
      "{ sampling: { by: request } }",
    ],
  },
  {
    message: "model can't be set, use rewrite.model",
    refused: ["{ rewrite: { set: { model: m } } }"],
    accepted: ["{ rewrite: { set: { temperature: 0, stop: [a] }, model: { a: b } } }"],
  },
  {
    message: "stream can't be set, streaming and other answers can't be compared",
    refused: ["{ rewrite: { set: { stream: true } } }"],
    accepted: ["{ rewrite: { set: { stream_options: { include_usage: true } } } }"],
  },
  {
    message: "model can't be removed, use rewrite.model",
    refused: ["{ rewrite: { remove: [user, model] } }"],
    accepted: ["{ rewrite: { remove: [user] } }"],
  },
  {
    message: "stream can't be removed, streaming and other answers can't be compared",
    refused: ["{ rewrite: { remove: [stream] } }"],
    accepted: ["{ rewrite: { remove: [stream_options] } }"],
  },
  {
    message: "a header of the gateway can't be removed",
    refused: [
      ":path",
      "Host",
      "x-umbra-mirror",
      "X-Gateway-Destination-Endpoint",
      "x-request-id",
    ].map((name) => `{ rewrite: { headers: { remove: ["${name}"] } } }`),
    accepted: ["{ rewrite: { headers: { remove: [cookie, x-hosts] } } }"],
  },
  {
    message: "requestTimeout must be from 1s to 10m",
    refused: ["{ budget: { requestTimeout: 999ms } }", "{ budget: { requestTimeout: 10m1s } }"],
    accepted: ["{ budget: { requestTimeout: 1s } }", "{ budget: { requestTimeout: 10m } }"],
  },
  {
    message: "percent is only for a control, use sampling.percent for all mirrors",
    refused: [
      "{ candidates: [{ backendRef: { name: a }, percent: 10 }] }",
      "{ candidates: [{ backendRef: { name: a }, role: candidate, percent: 10 }] }",
    ],
    accepted: [
      "{ candidates: [{ backendRef: { name: a }, role: control, percent: 10 }] }",
      "{ candidates: [{ backendRef: { name: a }, role: control }, { backendRef: { name: b } }] }",
    ],
  },
  {
    message: "a judge needs consent, because texts leave the process",
    refused: [judge("consent: false, endpoint: 'https://judge/v1/chat/completions', model: j")],
    accepted: [
      judge("consent: true, endpoint: 'https://judge.internal:8443/v1/chat/completions', model: j"),
    ],
  },
  {
    message: "endpoint must be a URL of chat completions, https or on this machine",
    refused: [
      judge("consent: true, endpoint: 'http://judge/v1/chat/completions', model: j"),
      judge("consent: true, endpoint: 'https://u:p@judge/v1/chat/completions', model: j"),
      judge("consent: true, endpoint: 'https://judge', model: j"),
      judge("consent: true, endpoint: 'http://127.0.0.1:9901/quitquitquit', model: j"),
      judge("consent: true, endpoint: 'https://judge/v1?/chat/completions', model: j"),
    ],
    accepted: [
      judge("consent: true, endpoint: 'http://127.0.0.1:8000/v1/chat/completions', model: j"),
      judge("consent: true, endpoint: 'http://[::1]/v1/chat/completions', model: j"),
      judge("consent: true, endpoint: 'https://judge/chat/completions?version=1', model: j"),
    ],
  },
  {
    message:
      "endpoint must not be an interface of Envoy or the sidecar on this machine, such as port 9901",
    refused: [
      judge("consent: true, endpoint: 'http://127.0.0.1:9901/chat/completions', model: j"),
      judge("consent: true, endpoint: 'http://localhost:9090/v1/chat/completions', model: j"),
      judge("consent: true, endpoint: 'http://[::1]:9002/v1/chat/completions', model: j"),
      judge("consent: true, endpoint: 'https://127.9.9.9:09901/v1/chat/completions', model: j"),
    ],
    accepted: [
      judge("consent: true, endpoint: 'http://localhost:19901/v1/chat/completions', model: j"),
      judge("consent: true, endpoint: 'https://judge:9901/v1/chat/completions', model: j"),
    ],
  },
  {
    message: "maxCostUsd needs pricePerMTokens",
    refused: [
      judge(
        "consent: true, endpoint: 'https://judge/v1/chat/completions', model: j, maxCostUsd: 5",
      ),
    ],
    accepted: [
      judge(
        "consent: true, endpoint: 'https://judge/v1/chat/completions', model: j, maxCostUsd: 5, pricePerMTokens: { prompt: 1, completion: 2 }",
      ),
    ],
  },
  {
    message: "a judge needs the mode numbers and the similarity chrf",
    refused: [
      `{ evaluation: { outputs: { mode: "off", judge: ${soundJudge} } } }`,
      `{ evaluation: { outputs: { similarity: "off", judge: ${soundJudge} } } }`,
    ],
    accepted: [
      `{ evaluation: { outputs: { mode: numbers, similarity: chrf, judge: ${soundJudge} } } }`,
      "{ evaluation: { outputs: { similarity: 'off' } } }",
    ],
  },
  {
    message: "a header with credentials can't mark a refusal",
    refused: ["Set-Cookie", "cookie", "Authorization", "PROXY-AUTHORIZATION", "x-api-key"].map(
      refusedBy,
    ),
    accepted: ["x-guard", "x-cookie", "x-authorization-result"].map(refusedBy),
  },
  {
    message: "a header that frames messages can't mark a refusal",
    refused: ["Connection", "content_length", "TE", "transfer-encoding"].map(refusedBy),
    accepted: ["content-type", "x-te"].map(refusedBy),
  },
  {
    message: "warmup must be shorter than horizon",
    refused: ["{ evaluation: { horizon: 2m } }", "{ evaluation: { horizon: 1h, warmup: 60m } }"],
    accepted: ["{ evaluation: { horizon: 1h, warmup: 59m59s } }", "{ evaluation: {} }"],
  },
  {
    message: "every length must be at least 100ms",
    refused: ["{ evaluation: { blockLengths: [10s, 99ms] } }"],
    accepted: ["{ evaluation: { blockLengths: [100ms, 10s] } }"],
  },
];

const root = fileURLToPath(new URL("../../examples", import.meta.url));

/** The policies of examples/. */
const examples = readdirSync(root, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".yaml"))
  .flatMap((file) =>
    parseAllDocuments(readFileSync(`${root}/${file}`, "utf8"))
      .map(
        (document) => document.toJS() as { readonly kind?: string; readonly spec: object } | null,
      )
      .flatMap((object) =>
        object?.kind === "ShadowPolicy" ? { name: file, spec: object.spec } : [],
      ),
  );

const cases = (kind: "refused" | "accepted") =>
  rules.flatMap((rule) => rule[kind].map((spec) => ({ message: rule.message, spec })));

describe("the rules of ShadowPolicies", () => {
  let kube: KubeServer;
  let admin: ApiClient;

  beforeAll(async () => {
    kube = await KubeServer.start();
    admin = kube.client();
    await installDefinitions(admin, [crds]);
  }, 180_000);

  afterAll(async () => {
    await admin.close();
    await kube.close();
  }, 60_000);

  /** What the API server refuses, "" if it accepts. */
  async function refusalOf(spec: string): Promise<string> {
    const body = {
      ...{ apiVersion: "umbra.dev/v1alpha1", kind: "ShadowPolicy", metadata: { name: "p" } },
      spec: { targetRefs: [{ name: "r" }], ...(parse(spec) as object) },
    };
    try {
      await admin.request({ method: "POST", path, query: { dryRun: "All" }, body });
      return "";
    } catch (cause) {
      if (!isKubernetesError(cause)) throw cause;
      return cause.message;
    }
  }

  test("have all an accepted and a refused object here", () => {
    const definition = parse(
      readFileSync(`${crds}/shadowpolicies.umbra.dev.yaml`, "utf8"),
    ) as object;
    expect(messagesIn(definition).toSorted()).toEqual(
      rules.map(({ message }) => message).toSorted(),
    );
  });

  test.each(examples)("accept the example $name", async ({ spec }) => {
    expect(await refusalOf(JSON.stringify(spec))).toBe("");
  });

  test.each(cases("refused"))("refuse $spec: $message", async ({ spec, message }) => {
    expect(await refusalOf(spec)).toContain(message);
  });

  test.each([
    { header: "X-Guard", isAccepted: true },
    { header: "", isAccepted: true },
    { header: "x guard", isAccepted: false },
    { header: ":status", isAccepted: false },
  ])("know names of headers that mark refusals: $header", async ({ header, isAccepted }) => {
    const spec = { evaluation: { outputs: { refusal: { header } } } };
    expect((await refusalOf(JSON.stringify(spec))) === "").toBe(isAccepted);
  });

  test.each(cases("accepted"))("accept $spec, next to: $message", async ({ spec }) => {
    expect(await refusalOf(spec)).toBe("");
  });
});

/** The messages of all rules of a schema. */
function messagesIn(value: unknown): readonly string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, each]) =>
    key === "x-kubernetes-validations"
      ? (each as readonly { readonly message: string }[]).map(({ message }) => message)
      : messagesIn(each),
  );
}
