import { ssrRenderAttrs } from "vue/server-renderer";
import { useSSRContext } from "vue";
import { _ as _export_sfc } from "./plugin-vue_export-helper.1tPrXgE0.js";
const __pageData = JSON.parse('{"title":"Releasing","description":"","frontmatter":{},"headers":[],"relativePath":"RELEASING.md","filePath":"RELEASING.md"}');
const _sfc_main = { name: "RELEASING.md" };
function _sfc_ssrRender(_ctx, _push, _parent, _attrs, $props, $setup, $data, $options) {
  _push(`<div${ssrRenderAttrs(_attrs)}><h1 id="releasing" tabindex="-1">Releasing <a class="header-anchor" href="#releasing" aria-label="Permalink to &quot;Releasing&quot;">​</a></h1><p>All packages are released together, with one version.</p><ol><li>Set the version in every <code>packages/*/package.json</code>, and commit it.</li><li><code>npm test</code> on a clean clone, and the long suites that <a href="https://github.com/umbra-dev/umbra/blob/main/CONTRIBUTING.md" target="_blank">CONTRIBUTING.md</a> lists.</li><li><code>npm run release -- --dry-run</code> builds everything into <code>.cache/release</code> and changes nothing else. It prints each file with its size: a tarball for each package, <code>CHANGELOG.md</code>, <code>licences.md</code>, the bill of materials (<code>sbom.cdx.json</code>, CycloneDX) and <code>SHA256SUMS</code>. Run twice on the same commit, it makes the same bytes.</li><li>Read its <code>CHANGELOG.md</code>. Each file under <code>changes/</code> has become one entry.</li><li>Install the tarballs in an empty folder and run <code>npx umbra demo</code> there.</li><li><code>npm run release</code> does the same, writes <code>CHANGELOG.md</code> and removes the files of <code>changes/</code>. Commit that as <code>chore(repo): release VERSION</code>, and tag the commit with <code>vVERSION</code>.</li><li>Publish each tarball with <code>npm publish FILE --provenance --access public</code>, <code>@umbra/scheduler</code>, <code>@umbra/openai</code> and <code>@umbra/grpc</code> first: the others depend on them.</li><li>Build both images of the <code>Dockerfile</code> from the tag: <code>docker build --target sidecar .</code> and <code>docker build --target gateway .</code>.</li></ol><p>A release that is found to be wrong is not removed. Publish the next patch version, and deprecate the wrong one with a message that names it.</p></div>`);
}
const _sfc_setup = _sfc_main.setup;
_sfc_main.setup = (props, ctx) => {
  const ssrContext = useSSRContext();
  (ssrContext.modules || (ssrContext.modules = /* @__PURE__ */ new Set())).add("RELEASING.md");
  return _sfc_setup ? _sfc_setup(props, ctx) : void 0;
};
const RELEASING = /* @__PURE__ */ _export_sfc(_sfc_main, [["ssrRender", _sfc_ssrRender]]);
export {
  __pageData,
  RELEASING as default
};
