"use strict";
// The page: what is dropped, pasted, pressed and typed.

const THEME = "rayscribe-theme", POLL_MS = 10_000;
let settings = { body_mib: 0, pages: 0, has_images: true, media_types: [], model: "" };
let running = null, lastFile = null;

// --- reading a document

async function read(file) {
  running?.abort();
  const control = running = new AbortController();
  lastFile = file;
  hideAlert();
  beginDocument(file.name || "picture", settings.model);
  document.body.dataset.state = "document";
  $("start").hidden = true; $("document").hidden = false;
  $("name").textContent = $("name").title = doc.name;
  document.title = `${doc.name} - Rayscribe`;
  drawList(); show(); progress("Sending the document");
  try {
    await readUntilTaken(file, control);
    progress(`${pagesSaid(doc.pages.size)} read`);
  } catch (error) {
    if (running === control) ended(error);
  }
  if (running !== control) return;
  running = null; doc.running = false;
  drawList(); buttons(); poll();
  if (!doc.pages.size) show();
}

// Reads; where the service is busy, waits as long as it says and tries again.
async function readUntilTaken(file, control) {
  if (settings.body_mib && file.size > settings.body_mib * 2 ** 20) throw new ServiceError(413, "body_too_large", "");
  const options = { pages: $("pages-wanted").value.trim(), password: $("password").value, include: settings.has_images ? "html,image" : "html" };
  const onOpen = (total) => { doc.total = total; hideAlert(); drawList(); advanced(); };
  const onPage = (page) => { addPage(page); advanced(); };
  for (;;) {
    try {
      return await readDocument(file, options, { signal: control.signal, onOpen, onPage });
    } catch (error) {
      if (!BUSY.has(error.status) || !error.waitS) throw error;
      await countdown(error, control.signal);
    }
  }
}

async function countdown(error, signal) {
  for (let left = error.waitS; left > 0; left--) {
    alert_(`${explained(error, settings)} Trying again in ${left} s.`);
    progress(`Waiting ${left} s`);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    if (signal.aborted) throw new DOMException("cancelled", "AbortError");
  }
  progress("Sending the document");
}

function advanced() {
  const left = doc.total - doc.pages.size;
  progress(left ? `${doc.pages.size} of ${pagesSaid(doc.total)}` : `${pagesSaid(doc.total)} read`);
}

function ended(error) {
  const read = doc.pages.size ? `${doc.pages.size} of ${pagesSaid(doc.total)} read` : "Nothing was read";
  if (error.name === "AbortError") { progress(`Cancelled: ${read.toLowerCase()}`); return; }
  progress(read);
  if (!(error instanceof ServiceError)) { alert_(`This page has a fault: ${error.message}`); throw error; }
  alert_(explained(error, settings), true);
  if (error.status === 401 && error.code !== "no_keys_configured") askKey(explained(error, settings));
  if (!doc.pages.size && ["password", "no_such_page", "too_many_pages"].includes(error.code)) {
    restart();
    $(error.code === "password" ? "password" : "pages-wanted").focus();
  }
}

const pagesSaid = (count) => (count === 1 ? "1 page" : `${count} pages`);

function progress(text) {
  $("progress").textContent = text;
  $("done").max = doc.total || 1;
  if (doc.running && !doc.total) $("done").removeAttribute("value"); else $("done").value = doc.pages.size;
  buttons();
}

function buttons() {
  $("cancel").hidden = !doc.running;
  $("done").hidden = !doc.running;
  for (const id of ["copy", "markdown", "json"]) $(id).disabled = !doc.pages.size;
}

function restart() {
  running?.abort(); running = null; doc.running = false;
  document.body.dataset.state = "start";
  $("document").hidden = true; $("start").hidden = false;
  document.title = "Rayscribe";
  $("choose").focus();
}

function take(files) {
  if (!files.length) return;
  if (files.length > 1) said("One document at a time: the first one is read.");
  read(files[0]);
}

// --- messages, key, state

function alert_(text, again = false) {
  $("alert-text").textContent = text;
  $("again").hidden = !(again && lastFile);
  $("alert").hidden = false;
}

const hideAlert = () => { $("alert").hidden = true; };

function said(text) {
  $("said").textContent = text;
  $("said").classList.remove("hidden");
  clearTimeout(said.timer);
  said.timer = setTimeout(() => $("said").classList.add("hidden"), 2500);
}

function askKey(why = "This service answers callers that have a key.") {
  $("key").hidden = false;
  $("key-why").textContent = why;
  $("key-value").value = savedKey();
  if (!$("key-dialog").open) $("key-dialog").showModal();
  $("key-value").select();
}

async function keyChosen() {
  const value = $("key-dialog").returnValue;
  if (value === "use") saveKey($("key-value").value.trim());
  if (value === "forget") saveKey("");
  if (value !== "use") return;
  const isWaiting = lastFile && document.body.dataset.state === "document" && !doc.pages.size;
  if (isWaiting) read(lastFile); else await greet();
}

async function greet() {
  try {
    await checkKey();
    $("key").hidden = !savedKey();
    hideAlert();
  } catch (error) {
    if (error.status !== 401) { alert_(explained(error, settings)); return; }
    if (error.code === "no_keys_configured") { alert_(explained(error, settings)); return; }
    $("key").hidden = false;
    if (savedKey()) askKey(explained(error, settings));
  }
}

async function poll() {
  const [state, words] = await modelState(settings.model);
  $("service").dataset.state = state;
  $("state").textContent = words;
}

// --- tabs, theme, zoom

function theme(name) {
  document.documentElement.dataset.theme = name;
  $("theme").textContent = name === "dark" ? "Light" : "Dark";
}

const isDark = matchMedia("(prefers-color-scheme: dark)");
const ownTheme = () => localStorage.getItem(THEME) || (isDark.matches ? "dark" : "light");

function turnTheme() {
  const name = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  localStorage.setItem(THEME, name);
  theme(name);
}

function enlarge(by) {
  zoom = Math.min(4, Math.max(0.5, zoom * by));
  $("sheet").style.width = `${zoom * 100}%`;
}

const nextTab = () => chooseTab(TABS[(TABS.indexOf(tab) + 1) % TABS.length]);

const copied = async (text, what) => { await copy(text); said(`${what} copied.`); };
const copyPage = () => { const page = doc.pages.get(doc.current); if (page?.answer.markdown) copied(page.answer.markdown, `Page ${doc.current}`); };

const KEYS = {
  o: () => $("file").click(), n: restart, j: () => step(1), ArrowRight: () => step(1), k: () => step(-1), ArrowLeft: () => step(-1),
  t: nextTab, b: () => $("boxes").click(), c: copyPage, d: turnTheme, "+": () => enlarge(1.25), "-": () => enlarge(0.8),
  "?": () => $("keys").showModal(), Escape: () => running?.abort(),
};

function listen() {
  $("choose").onclick = KEYS.o; $("new").onclick = restart; $("cancel").onclick = KEYS.Escape;
  $("file").onchange = () => { take([...$("file").files]); $("file").value = ""; };
  $("options").onsubmit = (event) => { event.preventDefault(); if ($("again").hidden) $("file").click(); else read(lastFile); };
  $("copy").onclick = () => copied(allMarkdown(), "Markdown"); $("copy-page").onclick = copyPage;
  $("copy-command").onclick = () => copied($("command").textContent, "Command");
  $("markdown").onclick = () => download(allMarkdown(), "text/markdown", ".md");
  $("json").onclick = () => download(allJson(), "application/json", ".json");
  $("boxes").onclick = () => $("boxes").setAttribute("aria-pressed", String(!$("overlay").classList.toggle("no-boxes")));
  $("smaller").onclick = KEYS["-"]; $("larger").onclick = KEYS["+"];
  $("theme").onclick = turnTheme; $("help").onclick = KEYS["?"]; $("key").onclick = () => askKey();
  $("key-dialog").onclose = keyChosen; $("dismiss").onclick = hideAlert; $("again").onclick = () => read(lastFile);
  $("tabs").onclick = (event) => { if (event.target.dataset.tab) chooseTab(event.target.dataset.tab); };
  isDark.onchange = () => theme(ownTheme());
  addEventListener("keydown", (event) => {
    if (event.target.closest?.("input, select, dialog") || event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return;
    if (event.key.startsWith("Arrow") && event.target.closest?.("#scroll, #content")) return; // they scroll there
    event.preventDefault(); KEYS[event.key]();
  });
  addEventListener("paste", (event) => { if (event.clipboardData?.files.length) take([...event.clipboardData.files]); });
  addEventListener("dragover", (event) => { event.preventDefault(); document.body.classList.add("over"); });
  addEventListener("dragleave", (event) => { if (!event.relatedTarget) document.body.classList.remove("over"); });
  addEventListener("drop", (event) => { event.preventDefault(); document.body.classList.remove("over"); take([...event.dataTransfer.files]); });
}

async function start() {
  theme(ownTheme()); listen(); chooseTab("text");
  $("command").textContent = `curl -F file=@document.pdf ${new URL("v1/ocr", document.baseURI)}`;
  try {
    settings = await pageSettings();
    $("model").textContent = settings.model;
    $("limits").textContent = `${kinds(settings)} · up to ${settings.body_mib} MiB and ${pagesSaid(settings.pages)}`;
    $("file").accept = settings.media_types.join(",");
    await greet();
  } catch (error) {
    alert_(explained(error, settings));
  }
  await poll();
  setInterval(() => { if (!document.hidden) poll(); }, POLL_MS);
}

start();
