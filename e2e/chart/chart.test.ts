// Checks of the chart that need no helm: of its manifests, its schema, and the folders of kustomize.
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { directTopology, renderAdsBootstrap } from "@umbra/envoy-config";
import { Ajv } from "ajv";
import { parse } from "yaml";
import { program } from "../../packages/cli/src/program.ts";
import { ioFor } from "../../packages/cli/test/run-command.ts";
import { expectGolden } from "../../testing/golden.ts";
import {
  caseNamed,
  chartCases,
  chartFolder,
  hashFile,
  inputsHash,
  kustomizeFolders,
  kustomizePath,
  objectsOf,
  withoutHelm,
} from "./chart-files.ts";
import { type Container, podOf } from "./pod.ts";
import { wrongMeanings, wrongShapes } from "./wrong-values.ts";

test("the manifests are of this chart: run `UPDATE_GOLDEN=1 npm run test:chart` after a change", () => {
  expect(readFileSync(hashFile, "utf8")).toBe(inputsHash());
});

test("Envoy's bootstrap is the one that is rendered, with the heap limit of the values", () => {
  const bare = directTopology({ primary: [], shadow: [], port: 80 });
  const bootstrap = renderAdsBootstrap(
    bare,
    { address: "unix:/run/umbra/ads.sock", retryWithinMs: 200 },
    { envoyAdmin: "127.0.0.1:9901" },
  );
  const { maxHeapBytes } = bare.envoy.settings;
  const limit = "max_heap_size_bytes: ";
  const templated = bootstrap
    .replace(/^#.*\n/, "# Rendered by `umbra render --ads`, with the heap limit of the values.\n")
    .replace(`${limit}${maxHeapBytes}`, `${limit}{{ mul .Values.envoy.maxHeapMebibytes 1048576 }}`);
  expectGolden(templated, join(chartFolder, "files/envoy.yaml"));
});

test.each(Object.entries(kustomizeFolders))(
  "deploy/kubernetes/%s is the chart without helm",
  (folder, name) => {
    const manifest = readFileSync(caseNamed(name).manifest, "utf8");
    expectGolden(withoutHelm(manifest), join(kustomizePath(folder), "umbra.yaml"));
  },
);

describe.each(chartCases)("the manifest $name", (chartCase) => {
  const objects = objectsOf(chartCase);
  const { pod, containers } = podOf(objects);
  const umbra = containers.find(({ name }) => name === "umbra");

  test("has each object once", () => {
    const names = objects.map(({ kind, metadata: { namespace, name } }) =>
      [kind, namespace, name].join(" "),
    );
    expect(new Set(names).size).toBe(names.length);
  });

  test("keeps the rules of the restricted pod security standard, with a root that can't be written to", () => {
    expect(pod.securityContext).toMatchObject({
      runAsNonRoot: true,
      runAsUser: 65532,
      seccompProfile: { type: "RuntimeDefault" },
    });
    const restricted = {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    };
    expect(containers.map(({ securityContext }) => securityContext)).toEqual(
      containers.map(() => restricted),
    );
  });

  test("mounts the volumes that it has, each below a path of its own", () => {
    const volumes = (pod.volumes ?? []).map(({ name }) => name);
    const mounted = containers.flatMap(({ volumeMounts = [] }) => volumeMounts);
    expect(new Set(mounted.map(({ name }) => name))).toEqual(new Set(volumes));
  });

  test("gives the account's token to no container but umbra's", () => {
    expect(pod).toMatchObject({ automountServiceAccountToken: false });
    const tokens = (pod.volumes ?? [])
      .filter(({ projected }) => projected?.sources.some((each) => "serviceAccountToken" in each))
      .map(({ name }) => name);
    const holders = containers
      .filter(({ volumeMounts = [] }) => volumeMounts.some(({ name }) => tokens.includes(name)))
      .map(({ name }) => name);
    expect(holders).toEqual(["umbra"]);
  });

  test("probes ports that its containers name", () => {
    const probes = [umbra?.startupProbe, umbra?.livenessProbe, umbra?.readinessProbe];
    const probed = probes.map((probe) => [
      probe?.httpGet.path,
      umbra?.ports?.find(({ name }) => name === probe?.httpGet.port)?.containerPort,
    ]);
    expect(probed).toEqual([
      ["/healthz", 9091],
      ["/healthz", 9091],
      ["/readyz", 9091],
    ]);
  });

  test("gives Services ports that its containers name", () => {
    const named = new Set(containers.flatMap(({ ports = [] }) => ports.map(({ name }) => name)));
    const targets = objects
      .filter(({ kind }) => kind === "Service")
      .flatMap(({ spec }) => (spec as { ports: { targetPort: string }[] }).ports)
      .map(({ targetPort }) => targetPort);
    expect(targets.filter((target) => !named.has(target))).toEqual([]);
  });

  test("gives umbra only flags that it has", () => {
    const { commands } = program(ioFor().io);
    const unknown = containers
      .flatMap(({ args = [], lifecycle }) => [args, lifecycle?.preStop.exec.command.slice(2) ?? []])
      .flatMap(([name, ...flags]) => {
        const command = commands.find((each) => each.name() === name);
        const known = command?.options.map(({ long }) => long);
        return flags
          .map((text) => text.split("=")[0])
          .filter((flag) => known !== undefined && !known.includes(flag));
      });
    expect(unknown).toEqual([]);
  });

  test("gives umbra numbers as they are written, without exponents", () => {
    const args = containers.flatMap(({ args: each = [] }) => each);
    expect(args.filter((each) => /=[\d.]+e[+-]?\d/.test(each))).toEqual([]);
  });

  test("keeps both admin interfaces, and ADS, in the pod", () => {
    const args = umbra?.args ?? [];
    expect(args).toContain("--admin=127.0.0.1:9090");
    const inPod = /^--(?:ads|envoy-admin|admin)=(?:unix:\/run\/umbra\/|127\.0\.0\.1:)/;
    const given = args.filter((each) => /^--(?:ads|envoy-admin|admin)=/.test(each));
    expect(given.filter((each) => !inPod.test(each))).toEqual([]);
  });

  test("gives a pod time to drain before it is killed", () => {
    const [envoy] = containers.filter(({ name }) => name === "envoy");
    const flags = [...(envoy?.lifecycle?.preStop.exec.command ?? []), ...(umbra?.args ?? [])];
    const ms = flags
      .map((flag) => /^--(?:announce|timeout|drain|grace)=(\d+)$/.exec(flag)?.[1] ?? "0")
      .reduce((sum, each) => sum + Number(each), 0);
    expect(ms).toBeGreaterThan(0);
    // Envoy and Node need some time to end.
    expect(pod.terminationGracePeriodSeconds * 1_000 - ms).toBeGreaterThanOrEqual(10_000);
  });
});

test.each(["gateway", "gateway-all"])(
  "in the manifest %s, Envoy ends before the sidecar",
  (name) => {
    const { pod } = podOf(objectsOf(caseNamed(name)));
    expect(pod.initContainers?.map((each) => [each.name, each.restartPolicy])).toEqual([
      ["umbra", "Always"],
    ]);
    expect(pod.containers.map((each) => each.name)).toEqual(["envoy"]);
  },
);

test.each([
  { name: "gateway", open: [80, 9091, 9092, 9004] },
  { name: "gateway-all", open: [80, 443, 9091, 9092, 9004] },
  { name: "picker", open: [9002, 9091, 9004] },
])("the NetworkPolicy of $name opens only $open", ({ name, open }) => {
  const policy = objectsOf(caseNamed(name)).find(({ kind }) => kind === "NetworkPolicy");
  const spec = policy?.spec as { ingress: { ports: { port: number }[] }[] } | undefined;
  expect(spec?.ingress.flatMap(({ ports }) => ports.map(({ port }) => port))).toEqual(open);
});

interface Selecting {
  readonly selector: { readonly matchLabels: object };
}

test.each(chartCases.filter(({ name }) => name !== "picker-small"))(
  "the replicas of $name find each other, and only they reach their port",
  (chartCase) => {
    const objects = objectsOf(chartCase);
    const { containers } = podOf(objects);
    const umbra = containers.find(({ name }) => name === "umbra");
    const flagged = (flag: string) =>
      umbra?.args?.find((each) => each.startsWith(`--${flag}=`))?.slice(`--${flag}=`.length) ?? "";
    const [namespace, name] = flagged("peers-service").split("/");
    const specOf = (kind: string) => objects.find((each) => each.kind === kind)?.spec ?? {};
    const { selector } = specOf("Deployment") as Selecting;
    const service = objects.find(
      ({ kind, metadata }) => kind === "Service" && metadata.name === name,
    );
    expect(service?.metadata).toMatchObject({ namespace });
    expect(service?.spec).toEqual({
      selector: selector.matchLabels,
      clusterIP: "None",
      ports: [{ name: "peers", port: 9004, targetPort: "peers" }],
    });
    expect(umbra?.ports).toContainEqual({ name: "peers", containerPort: 9004 });
    expect(flagged("peers-listen")).toBe("0.0.0.0:9004");
    const mount = umbra?.volumeMounts?.find((each) => each.name === "peers");
    expect(dirname(flagged("peer-secret-file"))).toBe(mount?.mountPath);
    const { ingress } = specOf("NetworkPolicy") as { readonly ingress: readonly object[] };
    expect(ingress.at(-1)).toEqual({
      ports: [{ protocol: "TCP", port: 9004 }],
      from: [{ podSelector: selector }],
    });
  },
);

test("each Secret of a judge is mounted where umbra reads it", () => {
  const { pod, containers } = podOf(objectsOf(caseNamed("gateway-all")));
  const { args = [], volumeMounts = [] } = containers.find(({ name }) => name === "umbra") ?? {};
  const folder = args.flatMap((each) => /^--judge-keys=(.*)/.exec(each)?.[1] ?? [])[0] ?? "none";
  const mounted = volumeMounts.flatMap(({ name, mountPath }) => {
    if (!mountPath.startsWith(`${folder}/`)) return [];
    const volume = pod.volumes?.find((each) => each.name === name);
    return [[mountPath.slice(folder.length), volume?.secret?.secretName]];
  });
  expect(mounted).toEqual([
    ["/default/judge", "judge"],
    ["/default/other.judge", "other.judge"],
    ["/serving/judge", "judge"],
  ]);
});

test.each(["gateway-all", "picker-all"])(
  "the NetworkPolicy of %s lets `helm test` ask where it asks",
  (name) => {
    const objects = objectsOf(caseNamed(name));
    const doctor = objects.find(({ metadata }) => metadata.name === "umbra-doctor");
    const pod = doctor?.spec as { readonly containers: readonly Container[] } | undefined;
    const asked = (pod?.containers ?? [])
      .flatMap(({ args = [] }) => args)
      .flatMap((each) => /^--(?:probes|sidecar)=.*:(\d+)$/.exec(each)?.[1] ?? [])
      .map(Number);
    const policy = objects.find(({ kind }) => kind === "NetworkPolicy");
    const rules = policy?.spec as { readonly ingress: readonly IngressRule[] } | undefined;
    const { labels } = doctor?.metadata ?? {};
    const allowed = (rules?.ingress ?? [])
      .filter(({ from }) =>
        from?.some((peer) =>
          Object.entries(peer.podSelector?.matchLabels ?? { none: "" }).every(
            ([label, value]) => labels?.[label] === value,
          ),
        ),
      )
      .flatMap(({ ports }) => ports.map(({ port }) => port));
    expect(asked.length).toBeGreaterThan(0);
    expect(asked.filter((port) => !allowed.includes(port))).toEqual([]);
  },
);

interface IngressRule {
  readonly ports: readonly { readonly port: number }[];
  readonly from?: readonly {
    readonly podSelector?: { readonly matchLabels?: Readonly<Record<string, string>> };
  }[];
}

describe("values.schema.json", () => {
  const schema = JSON.parse(
    readFileSync(join(chartFolder, "values.schema.json"), "utf8"),
  ) as object;
  const defaults = parse(readFileSync(join(chartFolder, "values.yaml"), "utf8")) as object;
  const ajv = new Ajv({ allErrors: true, strict: false });
  ajv.addFormat("hostname", /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/);
  const validate = ajv.compile(schema);

  /** As helm does it: maps are merged, all else is replaced. */
  function merged(base: unknown, over: unknown): unknown {
    if (!isMap(base) || !isMap(over)) return over;
    const entries = Object.entries(over).map(([key, value]) => [key, merged(base[key], value)]);
    return { ...base, ...Object.fromEntries(entries) };
  }

  test.each(wrongShapes)("refuses $name", ({ values, path }) => {
    expect(validate(merged(defaults, values))).toBe(false);
    expect(validate.errors?.map(({ instancePath }) => instancePath)).toContain(path);
  });

  test.each(wrongMeanings)("leaves $name to the chart's own checks", ({ values }) => {
    expect(validate(merged(defaults, values))).toBe(true);
  });

  test.each(chartCases)("accepts the values $name", ({ values }) => {
    const given = parse(readFileSync(values, "utf8")) as object;
    validate(merged(defaults, given));
    expect(validate.errors).toBeNull();
  });

  test("knows each of the values", () => {
    expect(unknownIn(defaults, schema)).toEqual([]);
  });
});

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Paths of values that a schema does not name. */
function unknownIn(value: unknown, schema: unknown, path = ""): readonly string[] {
  if (!isMap(value) || !isMap(schema)) return [];
  const { properties, type, enum: choices } = schema;
  if (!isMap(properties)) return type === undefined && choices === undefined ? [path] : [];
  return Object.entries(value).flatMap(([key, each]) =>
    key in properties ? unknownIn(each, properties[key], `${path}/${key}`) : [`${path}/${key}`],
  );
}
