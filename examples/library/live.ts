import { startConfiguration } from "@umbra/control";
import { createAdsServer, emptySnapshot } from "@umbra/xds";

const ads = createAdsServer();
const source = startConfiguration({
  paths: ["examples/mirror"],
  rendering: { sidecar: "127.0.0.1:9002" },
  isWatched: true,
  onChange({ generation, changes, findings, snapshot = emptySnapshot }) {
    console.error(`configuration ${generation}: ${changes.join("; ")}`);
    for (const { file, line, message } of findings) console.error(`${file}:${line}: ${message}`);
    ads.update(snapshot);
  },
  onProblem: (words) => console.error(words),
});
const { snapshot = emptySnapshot } = await source.first;
ads.update(snapshot);
