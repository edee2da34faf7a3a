"use strict";
// Talks to the service: the key, the state of the model, a document page by page, and errors as
// sentences that say what to change.

const KEY = "rayscribe-key"; // in this tab's storage, which ends with the tab
const BUSY = new Set([429, 503]);

class ServiceError extends Error {
  constructor(status, code, message, waitS = 0) {
    super(message);
    Object.assign(this, { status, code, waitS });
  }
}

const savedKey = () => sessionStorage.getItem(KEY) || "";
const saveKey = (key) => (key ? sessionStorage.setItem(KEY, key) : sessionStorage.removeItem(KEY));
const authorization = () => (savedKey() ? { Authorization: `Bearer ${savedKey()}` } : {});

async function failure(response) {
  const waitS = Number(response.headers.get("Retry-After")) || 0;
  let error = {};
  try { error = (await response.json()).error || {}; } catch { /* an answer of a proxy: it has no JSON */ }
  return new ServiceError(response.status, error.code || "", error.message || `HTTP status ${response.status}`, waitS);
}

async function answered(path, options = {}) {
  try {
    return await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServiceError(0, "no_answer", "the service does not answer");
  }
}

// What the page has to know before there is a document; needs no key.
async function pageSettings() {
  const response = await answered("page.json");
  if (!response.ok) throw await failure(response);
  return response.json();
}

// Whether the service takes our key, or wants none. Throws what it says otherwise.
async function checkKey() {
  const response = await answered("v1/models", { headers: authorization() });
  if (!response.ok) throw await failure(response);
}

// One word and one sentence on the model.
async function modelState(model) {
  let response;
  try { response = await answered("ready"); } catch { return ["off", "not reachable"]; }
  let found = {};
  try { found = await response.json(); } catch { /* not the service's own answer: it is starting */ }
  const state = found.models?.[model];
  if (state?.replicas) return ["on", "ready"];
  if (!state || response.status === 503) return ["wait", "starting"];
  return ["idle", "starts with the first page"];
}

// Reads a document. Calls onOpen(number of pages), then onPage(page) for each as it is done.
async function readDocument(file, { pages, password, include }, { signal, onOpen, onPage }) {
  const form = new FormData();
  form.append("include", include);
  if (pages) form.append("pages", pages);
  if (password) form.append("password", password);
  form.append("file", file, file.name);
  const response = await answered("v1/ocr?stream=1&heartbeat=1", { method: "POST", body: form, headers: authorization(), signal });
  if (!response.ok) throw await failure(response);
  const total = Number(response.headers.get("Rayscribe-Pages"));
  onOpen(total);
  let count = 0;
  for await (const line of lines(response.body)) {
    if (line.type === "heartbeat") continue;
    if (line.error && !line.page) throw new ServiceError(200, line.error.code, line.error.message);
    count += 1;
    onPage(line);
  }
  if (count < total) throw new ServiceError(0, "cut_off", "the answer ended too early");
}

async function* lines(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      const parts = (rest + value).split("\n");
      rest = parts.pop();
      for (const part of parts) if (part) yield JSON.parse(part);
    }
  } catch (error) {
    if (error.name === "AbortError" || error instanceof ServiceError) throw error;
    throw new ServiceError(0, "cut_off", "the connection broke");
  }
}

// --- errors as sentences

// What else can be done with a document that is too long or too large, where the operator keeps jobs.
// Without a full stop: an address stands at its end.
const orJob = (settings) => (settings.has_jobs ? `, or make a job of it: ${jobCommand()}` : ".");
const jobCommand = () => `curl -F file=@document.pdf ${new URL("v1/ocr/jobs", document.baseURI)}`;

const SENTENCES = {
  no_answer: () => "The service does not answer. Is it running, and is this computer connected to it?",
  cut_off: () => "The answer ended before the last page. The pages that are here are complete; try again for the others.",
  missing_api_key: () => "This service answers callers that have a key. Enter yours.",
  invalid_api_key: () => "The service does not know this key. Enter another one, or ask who runs the service.",
  body_too_large: (_, settings) => `The file is larger than ${settings.body_mib} MiB. Send a part of it${orJob(settings)}`,
  too_many_pages: (_, settings) => `The document has more than ${settings.pages} pages. Write some into “Pages”, such as 1-${settings.pages}${orJob(settings)}`,
  no_such_page: (said) => `${sentence(said)} Change “Pages”.`,
  unsupported_media_type: (_, settings) => `This kind of file is not read here. Take one of ${kinds(settings)}.`,
  password: () => "The document is encrypted. Write its password into “Password of the PDF”.",
  unreadable: (said) => `This file cannot be opened: ${said}. Is it a PDF or an image, and complete?`,
  empty: () => "The file is empty.",
  upload_timeout: () => "The file took too long to arrive. Try again on a faster connection, or send a smaller one.",
  concurrency_limit_exceeded: () => "As many requests run for this caller as may at a time.",
  rate_limit_exceeded: () => "This caller has made as many requests as it may in a minute.",
  timeout: () => "The document took longer than the service allows. Write some of its pages into “Pages”.",
};

function explained(error, settings) {
  const known = SENTENCES[error.code];
  if (known) return known(error.message, settings);
  if (error.status === 429) return `The service has too much to do (${error.message}).`;
  if (error.status === 503) return `The service is not ready (${error.message}).`;
  return sentence(error.message);
}

const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
const kinds = (settings) => settings.media_types.map((type) => type.split("/")[1].toUpperCase()).join(", ");
