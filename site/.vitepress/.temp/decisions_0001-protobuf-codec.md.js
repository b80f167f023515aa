import { ssrRenderAttrs } from "vue/server-renderer";
import { useSSRContext } from "vue";
import { _ as _export_sfc } from "./plugin-vue_export-helper.1tPrXgE0.js";
const __pageData = JSON.parse('{"title":"1. The protobuf codec is @bufbuild/protobuf","description":"","frontmatter":{},"headers":[],"relativePath":"decisions/0001-protobuf-codec.md","filePath":"decisions/0001-protobuf-codec.md"}');
const _sfc_main = { name: "decisions/0001-protobuf-codec.md" };
function _sfc_ssrRender(_ctx, _push, _parent, _attrs, $props, $setup, $data, $options) {
  _push(`<div${ssrRenderAttrs(_attrs)}><h1 id="1-the-protobuf-codec-is-bufbuildprotobuf" tabindex="-1">1. The protobuf codec is @bufbuild/protobuf <a class="header-anchor" href="#1-the-protobuf-codec-is-bufbuildprotobuf" aria-label="Permalink to &quot;1. The protobuf codec is @bufbuild/protobuf&quot;">​</a></h1><p><code>npm run bench:codec</code> compares it with protobufjs 8.8.1, on the messages of one exchange and on a bare grpc-js server. One run on two shared cores, Node 22.23.3:</p><div class="language- vp-adaptive-theme"><button title="Copy Code" class="copy"></button><span class="lang"></span><pre class="shiki shiki-themes github-light github-dark vp-code" tabindex="0"><code><span class="line"><span>one message, us            es    pbjs  es/pbjs</span></span>
<span class="line"><span>decode headers            1.72    0.80     2.14</span></span>
<span class="line"><span>decode body 1024          0.34    0.16     2.19</span></span>
<span class="line"><span>decode body 65536         0.34    0.16     2.19</span></span>
<span class="line"><span>make and encode a pick    2.84    0.31     9.12</span></span>
<span class="line"><span></span></span>
<span class="line"><span>bare grpc-js server, BUFFERED, requests/s</span></span>
<span class="line"><span>body   streams       es    pbjs  es/pbjs</span></span>
<span class="line"><span>1024        16     9509    8914     1.07</span></span>
<span class="line"><span>1024        64    10466   10867     0.98</span></span>
<span class="line"><span>16384       16     5476    5823     0.92</span></span>
<span class="line"><span>16384       64     5774    6177     0.99</span></span></code></pre></div><p>protobufjs is faster by the message, and on a server the difference drowns in gRPC&#39;s own work: the ratios of requests per second lie on both sides of 1. protobufjs compiles schemas to code at run time, which has a history of advisories; @bufbuild/protobuf does not, has no dependency, and gives tagged unions that the compiler checks. So it is @bufbuild/protobuf.</p><p>What is sent again and again is encoded once (<code>packages/ext-proc/src/answers.ts</code>): the &quot;go on&quot; answers, and picks that set one header. That takes the slowest of the four lines away. Headers, bodies and pieces of bodies are read and written by hand (<code>codec/</code>), held equal to the generated code by property tests. The codec is known to <code>answers.ts</code>, <code>method-definition.ts</code>, the services for health and reflection, <code>codec/request-message.ts</code> (metadata and attributes) and the generated code.</p></div>`);
}
const _sfc_setup = _sfc_main.setup;
_sfc_main.setup = (props, ctx) => {
  const ssrContext = useSSRContext();
  (ssrContext.modules || (ssrContext.modules = /* @__PURE__ */ new Set())).add("decisions/0001-protobuf-codec.md");
  return _sfc_setup ? _sfc_setup(props, ctx) : void 0;
};
const _0001ProtobufCodec = /* @__PURE__ */ _export_sfc(_sfc_main, [["ssrRender", _sfc_ssrRender]]);
export {
  __pageData,
  _0001ProtobufCodec as default
};
