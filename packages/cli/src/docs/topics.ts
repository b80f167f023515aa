/** Where the repository is read on the web. */
export const repository = "https://github.com/umbra-dev/umbra";

/** A page of the documentation. */
export interface Topic {
  readonly title: string;
  /** What the page is good for, in one line. */
  readonly summary: string;
  /** From the root of the repository. */
  readonly path: string;
}

/** By the name that `umbra docs` takes: tasks first, then what explains, then what is looked up. */
export const topics: Readonly<Record<string, Topic>> = {
  start: {
    title: "Start",
    summary: "all pages, and the words they use",
    path: "docs/index.md",
  },
  evaluate: {
    title: "Evaluate a new model",
    summary: "find out from live traffic whether a model, engine or GPU type may be released",
    path: "docs/evaluate-a-model.md",
  },
  servers: {
    title: "Run Umbra in front of your servers",
    summary: "Envoy and Umbra in front of model servers, with or without resource files",
    path: "docs/in-front-of-servers.md",
  },
  gateway: {
    title: "Run Umbra behind your gateway",
    summary:
      "Umbra as the endpoint picker of Envoy Gateway, Istio, GKE, kgateway or your own Envoy",
    path: "docs/behind-a-gateway.md",
  },
  library: {
    title: "Import the scheduler",
    summary: "pick endpoints in a TypeScript gateway of your own",
    path: "docs/import-the-scheduler.md",
  },
  operate: {
    title: "Operate Umbra",
    summary: "health, metrics, alerts, upgrades, and what happens when a part fails",
    path: "docs/operate.md",
  },
  extend: {
    title: "Extend Umbra",
    summary: "scheduling profiles, filters and scorers, and Envoy configuration of your own",
    path: "docs/extend.md",
  },
  contribute: {
    title: "Contribute",
    summary: "change Umbra itself: set up, test, review",
    path: "CONTRIBUTING.md",
  },
  architecture: {
    title: "Architecture",
    summary: "the path of a request, the packages, and where to change what",
    path: "docs/architecture.md",
  },
  scheduling: {
    title: "Scheduling",
    summary: "how an endpoint is chosen, with formulas and a comparison",
    path: "docs/scheduling.md",
  },
  verdict: {
    title: "How a verdict is reached",
    summary: "measures, gates, checks and error rates of an evaluation",
    path: "docs/evaluation.md",
  },
  report: {
    title: "Read a report",
    summary: "what each section and number of a report means",
    path: "docs/read-a-report.md",
  },
  policy: {
    title: "ShadowPolicy",
    summary: "what is mirrored, its budget, and how it is judged",
    path: "docs/shadow-policy.md",
  },
  hardening: {
    title: "Hardening",
    summary: "limits, timeouts, memory and TLS",
    path: "docs/hardening.md",
  },
  reference: {
    title: "Reference",
    summary: "every page to look something up in",
    path: "docs/reference/index.md",
  },
  commands: {
    title: "Commands",
    summary: "every command with its flags",
    path: "docs/reference/cli.md",
  },
  resources: {
    title: "Resources",
    summary: "every kind, field and annotation that Umbra reads",
    path: "docs/reference/resources.md",
  },
  plugins: {
    title: "Plugins",
    summary: "every filter, scorer and picker that an EndpointPickerConfig may name",
    path: "docs/reference/plugins.md",
  },
  errors: {
    title: "Errors",
    summary: "every error a client may get, and every diagnostic of `umbra check`",
    path: "docs/errors.md",
  },
  metrics: {
    title: "Metrics",
    summary: "every metric of the sidecar",
    path: "docs/metrics.md",
  },
};
