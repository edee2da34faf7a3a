"use strict";
// The viewer. Data come as scripts that call rayscribe(name, value). Texts of pages are untrusted:
// they are put in as text, or as HTML that was cleaned where the data were made.

const ROW = 90, HEAD = 30, KEPT_PAGES = 50;
const [DOCUMENT, PAGE, ID, STATUS, SOURCE, SCRIPT, SCORE, RUNG] = [0, 1, 2, 3, 4, 5, 6, 7];
const FILTERS = { status: STATUS, source: SOURCE, script: SCRIPT, rung: RUNG };
const TABS = ["rendered", "markdown", "raw", "details"];
const $ = (id) => document.getElementById(id);
const waiting = new Map();
let index = null, pages = [], shown = [], rows = [], tops = [], found = null, words = "";
let current = null, tab = "rendered", loaded = new Map(), placeOf = new Map();

window.rayscribe = (name, value) => waiting.get(name)?.(value);

function load(name, path) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    const end = (act, value) => { waiting.delete(name); script.remove(); act(value); };
    waiting.set(name, (value) => end(resolve, value));
    script.onerror = () => end(reject, new Error(path));
    script.src = path;
    document.head.append(script);
  });
}

// --- the list: only the rows in sight are in the document

function filter() {
  const wanted = Object.entries(FILTERS).map(([id, field]) => [field, $(id).value]).filter(([, value]) => value);
  const name = $("document").value.toLowerCase(), below = Number($("score").value);
  $("score-value").textContent = below > 1 ? "any" : below.toFixed(2);
  shown = pages.filter((page, number) =>
    wanted.every(([field, value]) => page[field] === value)
    && (below > 1 || (page[SCORE] !== null && page[SCORE] < below))
    && (!name || index.documents[page[DOCUMENT]].toLowerCase().includes(name))
    && (!found || found.has(number)));
  rows = []; tops = [];
  let top = 0, last = -1;
  for (const page of shown) {
    if (page[DOCUMENT] !== last) { last = page[DOCUMENT]; rows.push(last); tops.push(top); top += HEAD; }
    rows.push(page); tops.push(top); top += ROW;
  }
  $("space").style.height = `${top}px`;
  placeOf = new Map(shown.map((page, place) => [page[ID], place]));
  const left = index.left_out ? `, ${index.left_out} more are left out` : "";
  $("count").textContent = `${shown.length} of ${pages.length} pages${left}`;
  draw();
}

function draw() {
  const box = $("rows"), from = box.scrollTop - 200, to = box.scrollTop + box.clientHeight + 200;
  let low = 0, high = tops.length;
  while (low < high) { const middle = (low + high) >> 1; if (tops[middle] + ROW < from) low = middle + 1; else high = middle; }
  const made = [];
  for (let place = low; place < rows.length && tops[place] < to; place++) {
    const row = typeof rows[place] === "number" ? headRow(rows[place]) : pageRow(rows[place]);
    row.style.top = `${tops[place]}px`;
    made.push(row);
  }
  $("space").replaceChildren(...made);
}

function headRow(number) {
  const row = element("div", "document");
  row.style.height = `${HEAD}px`;
  row.title = index.folder + index.documents[number];
  row.append(element("span", "", index.documents[number]));
  return row;
}

function pageRow(page) {
  const row = element("a", "page"), thumb = element("img", "thumb"), facts = element("div");
  row.style.height = `${ROW}px`;
  row.href = link(page[ID]);
  row.setAttribute("aria-current", String(page[ID] === current));
  thumb.loading = "lazy"; thumb.alt = ""; thumb.src = `thumbs/${page[ID]}.webp`;
  facts.append(element("span", "", page[PAGE] ? `page ${page[PAGE]} ` : "document "), element("span", `status ${page[STATUS]}`, page[STATUS]));
  const score = page[SCORE] === null ? "" : `score ${page[SCORE].toFixed(2)}`;
  facts.append(element("small", "", [page[SOURCE] === "none" ? "" : page[SOURCE].replace("_", " "), page[SCRIPT] === "none" ? "" : page[SCRIPT]].filter(Boolean).join(", ")), element("small", "", score));
  row.append(thumb, facts);
  return row;
}

async function search() {
  words = $("search").value.trim().toLowerCase();
  found = words ? new Set() : null;
  const asked = words;
  for (let part = 0; words && part < index.text_parts; part++) {
    $("count").textContent = `searching: ${part + 1} of ${index.text_parts}`;
    const texts = await load(`texts-${part}`, `data/texts-${part}.js`);
    if (asked !== words) return;
    texts.forEach((text, place) => { if (text.toLowerCase().includes(words)) found.add(part * index.texts_per_part + place); });
  }
  filter(); remember(); show();
}

// --- one page

async function open(id) {
  if (current !== id) { current = id; $("picture").scrollTop = 0; $("content").scrollTop = 0; }
  $("image").src = `pictures/${id}.webp`; // before the thumbnails, which are drawn by the same threads
  $("sheet").hidden = false; $("no-picture").hidden = true;
  const place = placeOf.get(id);
  if (place !== undefined) reveal(shown[place]);
  draw();
  if (!loaded.has(id)) {
    try { loaded.set(id, await load(id, `pages/${id}.js`)); } catch { $("content").replaceChildren(element("p", "alert", "This page is not there.")); return; }
    if (loaded.size > KEPT_PAGES) loaded.delete(loaded.keys().next().value);
  }
  if (current === id) show();
}

function reveal(page) {
  const top = tops[rows.indexOf(page)], box = $("rows");
  if (top < box.scrollTop + HEAD || top + ROW > box.scrollTop + box.clientHeight) box.scrollTop = Math.max(0, top - box.clientHeight / 3);
}

// --- address, keys, start

function link(id) {
  const state = new URLSearchParams({ page: id });
  for (const name of ["search", "document", ...Object.keys(FILTERS)]) if ($(name).value) state.set(name, $(name).value);
  if (Number($("score").value) <= 1) state.set("score", $("score").value);
  return `#${state}`;
}

const remember = () => history.replaceState(null, "", link(current || ""));
const go = (id) => { if (id) location.hash = link(id); };
const pane = (name) => { document.body.dataset.pane = name; for (const one of $("panes").children) one.setAttribute("aria-pressed", String(one.dataset.pane === name)); };

function step(by, wholeDocument = false) {
  let place = placeOf.get(current) ?? -by;
  const from = shown[place]?.[DOCUMENT];
  do place += by; while (wholeDocument && shown[place] && shown[place][DOCUMENT] === from);
  go(shown[place]?.[ID]);
}

function theme(name) {
  document.documentElement.dataset.theme = name;
  $("theme").textContent = name === "dark" ? "light" : "dark";
}

function follow() {
  const state = new URLSearchParams(location.hash.slice(1)), id = state.get("page");
  if (id && id !== current) { if (innerWidth <= 640 && current) pane("picture"); open(id); }
}

const KEYS = {
  j: () => step(1), ArrowRight: () => step(1), k: () => step(-1), ArrowLeft: () => step(-1),
  n: () => step(1, true), p: () => step(-1, true), "/": () => { pane("list"); $("search").focus(); },
  t: () => { const kinds = TABS.filter((name) => name !== "raw" || loaded.get(current)?.raw); tab = kinds[(kinds.indexOf(tab) + 1) % kinds.length]; show(); },
  b: () => $("boxes").click(), d: () => $("theme").click(), "?": () => $("keys").showModal(),
};

function listen() {
  $("rows").onscroll = draw; addEventListener("resize", draw); addEventListener("hashchange", follow);
  for (const id of [...Object.keys(FILTERS), "document", "score"]) $(id).oninput = () => { filter(); remember(); };
  $("search").onkeydown = (event) => { if (event.key === "Enter") search(); };
  $("search").oninput = () => { if (!$("search").value) search(); };
  $("previous").onclick = () => step(-1); $("next").onclick = () => step(1);
  $("boxes").onclick = () => $("boxes").setAttribute("aria-pressed", String(!$("overlay").classList.toggle("no-boxes")));
  $("theme").onclick = () => theme(document.documentElement.dataset.theme === "dark" ? "light" : "dark");
  $("help").onclick = KEYS["?"];
  $("image").onerror = () => { $("sheet").hidden = true; $("no-picture").hidden = false; };
  $("tabs").onclick = (event) => { if (event.target.dataset.tab) { tab = event.target.dataset.tab; show(); } };
  $("panes").onclick = (event) => { if (event.target.dataset.pane) { pane(event.target.dataset.pane); draw(); } };
  addEventListener("keydown", (event) => {
    if (event.key === "Escape") document.activeElement.blur();
    if (event.target.closest?.("input, select, dialog") || event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return;
    event.preventDefault(); KEYS[event.key]();
  });
}

async function start() {
  const state = new URLSearchParams(location.hash.slice(1));
  theme(state.get("theme") || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"));
  listen();
  index = await load("index", "data/index.js");
  $("title").textContent = index.output;
  for (const id of Object.keys(FILTERS)) {
    const counts = Object.entries(index.counts[id]).sort((a, b) => b[1] - a[1]);
    $(id).append(new Option(`any ${id === "rung" ? "attempt" : id}`, ""), ...counts.map(([name, count]) => new Option(`${name} (${count})`, name)));
  }
  for (let part = 0; part < index.page_parts; part++) pages = pages.concat(await load(`pages-${part}`, `data/pages-${part}.js`));
  for (const [name, value] of state) if (name !== "page" && $(name)) $(name).value = value;
  pane(state.get("pane") || (state.get("page") ? "picture" : "list"));
  filter();
  if ($("search").value) await search();
  open(state.get("page") || shown[0]?.[ID] || pages[0][ID]);
}

start();
