"use strict";
// The document that is shown: its pages, and what is made of them. Texts are put in as text, or as
// HTML that the service has cleaned.

const TABS = ["text", "markdown", "json", "details"];
const $ = (id) => document.getElementById(id);
const emptyDocument = (name, model) => ({ name, model, total: 0, pages: new Map(), current: 0, chosen: false, running: false });
let doc = emptyDocument("", ""), tab = "text", zoom = 1;

function beginDocument(name, model) {
  for (const page of doc.pages.values()) if (page.url) URL.revokeObjectURL(page.url);
  doc = emptyDocument(name, model);
  doc.running = true;
  $("pages").replaceChildren();
}

const sortedPages = () => [...doc.pages.values()].sort((a, b) => a.answer.page - b.answer.page);

// --- pages as they come

function addPage(line) {
  const { html, image, ...answer } = line, texts = html || [];
  const blocks = answer.blocks.map((block, place) => ({ kind: block.kind, score: block.score, html: texts[place] || "", box: percent(block.box_px, answer) }));
  const page = { answer, blocks, html: blocks.length ? "" : texts[0] || "", url: image ? URL.createObjectURL(blob(image)) : "" };
  doc.pages.set(answer.page, page);
  const first = sortedPages()[0].answer.page;
  if (!doc.current || (!doc.chosen && first < doc.current)) doc.current = first;
  drawList();
  if (doc.current === answer.page) show();
}

function percent(box, { width_px, height_px }) {
  if (!box || !width_px || !height_px) return null;
  const x = (at) => Math.min(100, Math.max(0, 100 * at / width_px)), y = (at) => Math.min(100, Math.max(0, 100 * at / height_px));
  return [x(box.x0), y(box.y0), x(box.x1) - x(box.x0), y(box.y1) - y(box.y0)];
}

function blob(uri) {
  const [head, data] = uri.split(",");
  return new Blob([Uint8Array.from(atob(data), (sign) => sign.charCodeAt(0))], { type: head.slice(5, head.indexOf(";")) });
}

// --- the list of pages

// Nodes that are there stay, so that the focus and decoded pictures do.
function drawList() {
  const list = $("pages");
  for (const page of sortedPages()) {
    if (!page.node) {
      page.node = thumbnail(page);
      list.insertBefore(page.node, [...list.children].find((one) => !(Number(one.dataset.page) < page.answer.page)) || null);
    }
    page.node.setAttribute("aria-current", page.answer.page === doc.current ? "page" : "false");
  }
  const wanted = doc.running ? Math.max(0, doc.total - doc.pages.size) : 0, waiting = list.querySelectorAll(".waiting");
  for (let extra = wanted; extra < waiting.length; extra++) waiting[extra].remove();
  for (let missing = waiting.length; missing < wanted; missing++) list.append(element("span", "thumb waiting"));
  list.hidden = doc.total < 2;
}

function thumbnail({ answer: { page: number, status }, url }) {
  const button = element("button", "thumb"), image = element("img");
  button.dataset.page = number;
  button.setAttribute("aria-label", `Page ${number}, ${status}`);
  image.alt = ""; image.loading = "lazy"; image.hidden = !url;
  if (url) image.src = url;
  button.append(image, element("span", "number", String(number)));
  if (status !== "ok") button.append(element("span", `status ${status}`, status));
  button.onclick = () => choosePage(number);
  return button;
}

function choosePage(number) {
  if (!doc.pages.has(number)) return;
  doc.current = number; doc.chosen = true;
  $("content").scrollTop = 0; $("scroll").scrollTop = 0;
  drawList(); show();
  document.querySelector('.thumb[aria-current="page"]')?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

function step(by) {
  const numbers = sortedPages().map((page) => page.answer.page);
  const next = numbers[numbers.indexOf(doc.current) + by];
  if (next) choosePage(next);
}

// --- the page that is shown

function show() {
  const page = doc.pages.get(doc.current);
  $("copy-page").disabled = !page?.answer.markdown;
  $("sheet").hidden = !page?.url;
  $("zoom").hidden = !page?.url;
  $("no-picture").hidden = Boolean(page?.url);
  $("no-picture").textContent = page ? "There is no picture of this page." : doc.running ? "The first page is on its way." : "";
  if (!page) { $("content").replaceChildren(); $("overlay").replaceChildren(); return; }
  const { answer } = page;
  if ($("image").getAttribute("src") !== page.url) $("image").src = page.url;
  $("image").alt = `Page ${answer.page} of ${doc.name}`;
  $("image").style.aspectRatio = answer.width_px ? `${answer.width_px} / ${answer.height_px}` : "";
  $("overlay").replaceChildren(...boxNodes(page.blocks, chooseBlock));
  const alerts = [];
  if (answer.error) alerts.push(element("p", "alert", `This page was not read: ${answer.error.message} (${answer.error.kind})`));
  for (const warning of answer.warnings) alerts.push(element("p", "alert warn", warning));
  if (answer.status === "blank" && tab === "text") alerts.push(element("p", "faint", "Nothing is written on this page."));
  const views = { text: textView, markdown: () => [element("pre", "", answer.markdown)], json: () => [element("pre", "", JSON.stringify(answer, null, 2))], details: () => details(answer) };
  $("content").replaceChildren(...alerts, ...views[tab](page));
}

function textView(page) {
  if (!page.blocks.length) return page.html ? [htmlNode(page.html)] : [];
  const nodes = blockNodes(page.blocks, [page.answer.width_px, page.answer.height_px], $("image"));
  nodes.forEach((node, place) => {
    node.tabIndex = 0;
    node.onfocus = () => light(place, true);
    node.onblur = () => light(place, false);
  });
  return nodes;
}

// On a phone the picture is a tab too; beside the text it is always there.
function chooseTab(name) {
  document.body.dataset.pane = name === "picture" ? "picture" : "text";
  if (name !== "picture") tab = name;
  for (const one of document.querySelectorAll("#tabs [role=tab]")) one.setAttribute("aria-selected", String(one.dataset.tab === name));
  show();
}

function chooseBlock(place) {
  chooseTab("text");
  light(place, true, true);
  document.querySelector(`.block[data-block="${place}"]`)?.focus({ preventScroll: true });
}

function details(answer) {
  const facts = (title, entries) => {
    const table = element("table", "facts");
    for (const [name, value] of entries) {
      if (value === null || value === undefined || value === "") continue;
      const row = table.insertRow();
      row.append(element("th", "", name.replaceAll("_", " ")));
      row.insertCell().textContent = typeof value === "number" && !Number.isInteger(value) ? value.toFixed(3) : String(value);
    }
    return table.rows.length ? [element("h2", "facts-head", title), table] : [];
  };
  const attempts = answer.attempts.map((one) => [one.rung, [one.outcome, one.output_tokens && `${one.output_tokens} tokens`, `${one.ms.toFixed(0)} ms`, one.error].filter(Boolean).join(", ")]);
  return [
    ...facts("Page", ["status", "source", "turned_deg", "width_px", "height_px", "dpi", "text_layer_trust", "finish_reason"].map((name) => [name, answer[name]])),
    ...facts("Score", [["text score", answer.text_score], ...Object.entries(answer.text_score_parts || {})]),
    ...facts("Attempts", attempts),
    ...facts("Milliseconds", Object.entries(answer.timing).map(([name, value]) => [name.replace("_ms", ""), value])),
    ...facts("Tokens", Object.entries(answer.usage)),
  ];
}

// --- what leaves the page

const allMarkdown = () => sortedPages().map((page) => page.answer.markdown).filter(Boolean).join("\n\n");
const allJson = () => JSON.stringify({ model: doc.model, page_count: doc.total, pages: sortedPages().map((page) => page.answer) }, null, 2);

function download(content, type, suffix) {
  const link = element("a");
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = (doc.name.replace(/\.[^.]*$/, "") || "document") + suffix;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

async function copy(text) {
  if (navigator.clipboard) { await navigator.clipboard.writeText(text); return; }
  const area = element("textarea", "hidden"); // without TLS browsers have no clipboard but this
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}
