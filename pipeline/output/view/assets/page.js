"use strict";
// One page of the viewer: its text, its boxes, its facts. `view.js` has the list and the state.
// Texts of pages are untrusted: they are put in as text, or as HTML that was cleaned by an allow-list
// where the data were made (pipeline.web.markup).

function show() {
  const data = loaded.get(current);
  if (!data) return;
  const name = data.uri.startsWith(index.folder) ? data.uri.slice(index.folder.length) : data.uri;
  $("place").textContent = data.page ? `${name}, page ${data.page} of ${data.page_count}` : name;
  $("place").title = data.uri;
  document.title = `${name} ${data.page}`;
  $("image").alt = `${name}, page ${data.page}`;
  $("image").style.aspectRatio = data.width_px ? `${data.width_px} / ${data.height_px}` : "";
  for (const one of $("tabs").children) {
    one.setAttribute("aria-selected", String(one.dataset.tab === tab));
    one.hidden = one.dataset.tab === "raw" && !data.raw;
  }
  const alerts = [];
  if (data.error) alerts.push(element("p", "alert", `${data.status}, ${data.error_kind}: ${data.error}`));
  for (const warning of data.warnings || []) alerts.push(element("p", "alert warn", warning));
  const views = { rendered: blocks, markdown: (one) => [element("pre", "", one.text)], raw: (one) => [element("pre", "", one.raw || "")], details };
  $("content").replaceChildren(...alerts, ...views[tab](data));
  if (words) highlight($("content"));
  $("overlay").replaceChildren(...boxNodes(data.blocks, choose));
}

function blocks(data) {
  if (!data.blocks.length) return [htmlNode(data.html)];
  return blockNodes(data.blocks, [data.width_px, data.height_px], $("image"));
}

function choose(place) {
  tab = "rendered";
  if (innerWidth <= 640) pane("text");
  show();
  light(place, true, true);
}

function highlight(root) {
  const walk = document.createTreeWalker(root, NodeFilter.SHOW_TEXT), nodes = [];
  while (walk.nextNode()) nodes.push(walk.currentNode);
  for (let node of nodes) {
    for (let at; (at = node.data.toLowerCase().indexOf(words)) >= 0;) {
      const hit = node.splitText(at), mark = element("mark");
      node = hit.splitText(Math.min(words.length, hit.data.length));
      hit.replaceWith(mark); mark.append(hit);
    }
  }
}

function details(data) {
  const facts = (title, entries) => {
    const table = element("table", "facts");
    for (const [name, value] of entries) {
      if (value === null || value === undefined || value === "") continue;
      const row = table.insertRow();
      row.append(element("th", "", name));
      row.insertCell().textContent = typeof value === "number" && !Number.isInteger(value) ? value.toFixed(3) : String(value);
    }
    return table.rows.length ? [element("h2", "facts-head", title), table] : [];
  };
  const pick = (...names) => names.map((name) => [name.replaceAll("_", " "), data[name]]);
  const tries = (data.attempts || []).map((one) => [one.rung, [one.outcome, one.output_tokens && `${one.output_tokens} tokens`, `${one.ms.toFixed(0)} ms`, one.error].filter(Boolean).join(", ")]);
  return [
    ...facts("Page", pick("uri", "media_type", "status", "source", "engine", "model", "rung", "turned_deg", "width_px", "height_px", "dpi", "copied_from")),
    ...facts("Score", [["text score", data.text_score], ...Object.entries(data.text_score_parts || {}).map(([name, value]) => [name.replaceAll("_", " "), value])]),
    ...facts("Text layer", [["trust", data.text_layer_trust], ["doubts", (data.text_layer_doubts || []).join("; ")]]),
    ...facts("Attempts", tries),
    ...facts("Milliseconds", pick("render_ms", "prepare_ms", "generate_ms", "input_ms", "queue_ms", "prefill_ms", "decode_ms")),
    ...facts("Tokens", pick("prompt_tokens", "image_tokens", "output_tokens", "finish_reason")),
    ...facts("Identity", pick("page_id", "recipe_hash")),
  ];
}
