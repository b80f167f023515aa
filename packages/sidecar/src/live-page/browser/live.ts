// Runs in the browser: shows each section that the sidecar sends, and reports a lost connection.

/** The sidecar sends an event every few seconds, even without changes. */
const silentAfterMs = 15_000;
const checkEveryMs = 3_000;

let heardAtMs = performance.now();
let lastHeard = "";
let events = listen();

// An EventSource stops permanently when it is rejected and does not detect a hanging connection. Both need a new one.
setInterval(() => {
  const isSilent = performance.now() - heardAtMs > silentAfterMs;
  if (!isSilent && events.readyState !== EventSource.CLOSED) return;
  if (isSilent) showLost();
  events.close();
  heardAtMs = performance.now();
  events = listen();
}, checkEveryMs);

function listen(): EventSource {
  const source = new EventSource(`v1/events${location.search}`);
  source.addEventListener("section", ({ data }: MessageEvent<string>) => {
    showHeard();
    const [id = ""] = data.split("\n", 1);
    showSection(id, data.slice(id.length + 1));
  });
  source.addEventListener("alive", showHeard);
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) void showRefusal();
    else showLost();
  });
  return source;
}

/** The sidecar answered without a stream, and an EventSource does not report why. */
async function showRefusal(): Promise<void> {
  const { status } = await fetch("v1/events", { method: "HEAD" }).catch(() => ({ status: 0 }));
  if (events.readyState !== EventSource.CLOSED) return;
  if (status === 503) showLink("! too many open pages for this sidecar, retrying", "FAIL");
  else showLost();
}

function showHeard(): void {
  heardAtMs = performance.now();
  lastHeard = `; last update at ${new Date().toLocaleTimeString()}`;
  showLink("● live", "PASS");
}

function showLost(): void {
  showLink(`! connection lost, retrying${lastHeard}`, "FAIL");
}

function showLink(words: string, className: string): void {
  const link = document.getElementById("link");
  if (link === null || link.textContent === words) return;
  link.textContent = words;
  link.className = className;
  document.body.classList.toggle("disconnected", className === "FAIL");
}

function showSection(id: string, html: string): void {
  const holder = document.querySelector(`[data-section="${CSS.escape(id)}"]`);
  if (holder === null) return;
  const made = document.createElement("template");
  made.innerHTML = html;
  update(holder, made.content);
}

/** Changes only what differs, so that open, scrolled, focused or selected elements keep their state. */
function update(shown: Element, wanted: Element | DocumentFragment): void {
  const now = [...shown.childNodes];
  const next = [...wanted.childNodes];
  for (const [i, node] of next.entries()) {
    const old = now[i];
    if (old === undefined) shown.append(node);
    else if (old instanceof Element && node instanceof Element && old.tagName === node.tagName) {
      updateAttributes(old, node);
      update(old, node);
    } else if (!old.isEqualNode(node)) old.replaceWith(node);
  }
  for (const rest of now.slice(next.length)) rest.remove();
}

/** `open` belongs to the reader: the sidecar sets it only for a new element. */
function updateAttributes(shown: Element, wanted: Element): void {
  for (const { name } of [...shown.attributes]) {
    if (name !== "open" && !wanted.hasAttribute(name)) shown.removeAttribute(name);
  }
  for (const { name, value } of wanted.attributes) {
    if (name !== "open" && shown.getAttribute(name) !== value) shown.setAttribute(name, value);
  }
}
