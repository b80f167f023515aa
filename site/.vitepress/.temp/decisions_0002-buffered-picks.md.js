import { ssrRenderAttrs } from "vue/server-renderer";
import { useSSRContext } from "vue";
import { _ as _export_sfc } from "./plugin-vue_export-helper.1tPrXgE0.js";
const __pageData = JSON.parse('{"title":"2. The pick reads the request body BUFFERED","description":"","frontmatter":{},"headers":[],"relativePath":"decisions/0002-buffered-picks.md","filePath":"decisions/0002-buffered-picks.md"}');
const _sfc_main = { name: "decisions/0002-buffered-picks.md" };
function _sfc_ssrRender(_ctx, _push, _parent, _attrs, $props, $setup, $data, $options) {
  _push(`<div${ssrRenderAttrs(_attrs)}><h1 id="2-the-pick-reads-the-request-body-buffered" tabindex="-1">2. The pick reads the request body BUFFERED <a class="header-anchor" href="#2-the-pick-reads-the-request-body-buffered" aria-label="Permalink to &quot;2. The pick reads the request body BUFFERED&quot;">​</a></h1><p><em>A pool may ask for another mode: <a href="./0003-pick-modes">decision 3</a>.</em></p><p>Envoy can send a request&#39;s body to the picker in five ways. The pick uses BUFFERED:</p><ul><li>It is the only mode in which <code>failure_mode_allow</code> and <code>message_timeout</code> hold for requests with a body. In FULL_DUPLEX_STREAMED a POST fails with 500 when the picker is dead, even where the pool fails open, and hangs for ever when the picker hangs.</li><li>The body goes to the sidecar and is not sent back.</li><li>The stream stays open until the request has ended, so the sidecar knows what is in flight with no response processing at all.</li></ul><p>The price is that Envoy holds the whole body: the listener&#39;s buffer limit is the largest body that is accepted (32 MiB), and gRPC&#39;s message limit is set to fit it. <code>e2e/picker-faults.test.ts</code> shows both failure modes with a picker that is dead and one that hangs.</p></div>`);
}
const _sfc_setup = _sfc_main.setup;
_sfc_main.setup = (props, ctx) => {
  const ssrContext = useSSRContext();
  (ssrContext.modules || (ssrContext.modules = /* @__PURE__ */ new Set())).add("decisions/0002-buffered-picks.md");
  return _sfc_setup ? _sfc_setup(props, ctx) : void 0;
};
const _0002BufferedPicks = /* @__PURE__ */ _export_sfc(_sfc_main, [["ssrRender", _sfc_ssrRender]]);
export {
  __pageData,
  _0002BufferedPicks as default
};
