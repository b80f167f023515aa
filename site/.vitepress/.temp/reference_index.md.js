import { ssrRenderAttrs } from "vue/server-renderer";
import { useSSRContext } from "vue";
import { _ as _export_sfc } from "./plugin-vue_export-helper.1tPrXgE0.js";
const __pageData = JSON.parse('{"title":"Reference","description":"","frontmatter":{},"headers":[],"relativePath":"reference/index.md","filePath":"reference/index.md"}');
const _sfc_main = { name: "reference/index.md" };
function _sfc_ssrRender(_ctx, _push, _parent, _attrs, $props, $setup, $data, $options) {
  _push(`<div${ssrRenderAttrs(_attrs)}><h1 id="reference" tabindex="-1">Reference <a class="header-anchor" href="#reference" aria-label="Permalink to &quot;Reference&quot;">​</a></h1><table tabindex="0"><thead><tr><th>page</th><th>has</th></tr></thead><tbody><tr><td><a href="./../errors">Errors</a></td><td>every answer that a client may get from Umbra, and every diagnostic of <code>umbra check</code> and <code>umbra doctor</code></td></tr><tr><td><a href="./../metrics">Metrics</a></td><td>every metric of the sidecar</td></tr><tr><td><a href="./../gateway-api">Gateway API</a></td><td>which fields of Gateway, HTTPRoute and ReferenceGrant are supported</td></tr><tr><td><a href="./../shadow-policy">ShadowPolicy</a></td><td>what is mirrored, its budget, and how it is judged</td></tr><tr><td><a href="./../hardening#settings">EnvoySettings</a></td><td>limits and timeouts of the rendered Envoy</td></tr><tr><td><a href="./../gateways">Third-party gateways</a></td><td>the endpoint picker protocol as Umbra speaks it</td></tr><tr><td><a href="./../topology">Topology</a></td><td>what the resources mean, as data</td></tr><tr><td><a href="./../timers">Timers</a></td><td>every timer and idle limit</td></tr><tr><td><a href="./../traces">Traces</a></td><td>OpenTelemetry spans and their attributes</td></tr><tr><td><a href="./../read-a-report#the-json-report">Report format</a></td><td><code>shadow-report/2</code>, the JSON of a report</td></tr><tr><td><a href="./../dependencies">Dependencies</a></td><td>what Umbra depends on, and why</td></tr></tbody></table><p>Commands and flags: <code>umbra COMMAND --help</code>.</p></div>`);
}
const _sfc_setup = _sfc_main.setup;
_sfc_main.setup = (props, ctx) => {
  const ssrContext = useSSRContext();
  (ssrContext.modules || (ssrContext.modules = /* @__PURE__ */ new Set())).add("reference/index.md");
  return _sfc_setup ? _sfc_setup(props, ctx) : void 0;
};
const index = /* @__PURE__ */ _export_sfc(_sfc_main, [["ssrRender", _sfc_ssrRender]]);
export {
  __pageData,
  index as default
};
