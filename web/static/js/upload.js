// Choosing, checking and sending photos. Without this file the form still posts what the first file field holds.
"use strict";

const form = document.getElementById("upload");
const byId = (id) => document.getElementById(id);
const language = document.documentElement.lang;
const extensions = new Set(form.dataset.extensions.split(" "));
const maxFiles = Number(form.dataset.maxFiles);
const maxBytes = Number(form.dataset.maxBytes);
const PREVIEWS = 16;

let chosen = new Map(); // name|size|modified → { file, name }
let refused = [];
let sending = null;
let key = null; // of the Idempotency-Key: the same until the choice changes, so that a repeated send makes no second job

const suffix = (name) => (name.includes(".") ? "." + name.split(".").pop().toLowerCase() : "");
const isZip = (name) => suffix(name) === ".zip";
const isClutter = (name) => /(^|\/)(\.|__MACOSX\/|Thumbs\.db$|desktop\.ini$)/i.test(name);

function bytes(value) {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte"];
  const power = Math.min(units.length - 1, value ? Math.floor(Math.log(value) / Math.log(1000)) : 0);
  const digits = power > 1 ? 1 : 0;
  return new Intl.NumberFormat(language, { style: "unit", unit: units[power], unitDisplay: power ? "short" : "long", maximumFractionDigits: digits })
    .format(value / 1000 ** power);
}

function add(file, name = file.webkitRelativePath || file.name) {
  if (isClutter(name)) return;
  if (!isZip(name) && !extensions.has(suffix(name)) && !file.type.startsWith("image/")) {
    refused.push(name);
    return;
  }
  chosen.set(`${name}|${file.size}|${file.lastModified}`, { file, name });
}

function changed() {
  key = null;
  const entries = [...chosen.values()];
  const photos = entries.filter((entry) => !isZip(entry.name));
  const archives = entries.length - photos.length;
  const size = entries.reduce((sum, entry) => sum + entry.file.size, 0);
  const count = new Intl.NumberFormat(language);
  byId("check").hidden = !entries.length && !refused.length;
  byId("drop").classList.toggle("filled", entries.length > 0);
  byId("count").textContent = count.format(photos.length);
  byId("count").parentElement.hidden = !photos.length && archives > 0;
  byId("archives").textContent = count.format(archives);
  byId("archives").parentElement.hidden = !archives;
  byId("size").textContent = bytes(size);

  const left = byId("refused");
  left.hidden = !refused.length;
  const more = refused.length - 3;
  left.textContent = `${left.dataset.words} ${refused.slice(0, 3).join(", ")}${more > 0 ? " " + left.dataset.more.replace("{n}", count.format(more)) : ""}`;

  const limit = byId("too-much");
  const over = entries.length > maxFiles ? limit.dataset.files.replace("{n}", count.format(maxFiles))
    : size > maxBytes ? limit.dataset.bytes.replace("{n}", bytes(maxBytes)) : "";
  limit.hidden = !over;
  limit.textContent = over;
  byId("send").disabled = Boolean(over) || !entries.length;
  byId("upload-failed").hidden = true;
  preview(photos);
}

function preview(photos) {
  const list = byId("previews");
  for (const image of list.querySelectorAll("img")) URL.revokeObjectURL(image.src);
  list.replaceChildren(...photos.slice(0, PREVIEWS).map(({ file, name }) => {
    const cell = document.createElement("li");
    const image = document.createElement("img");
    image.src = URL.createObjectURL(file);
    image.alt = "";
    // HEIC and TIFF are read by the server though not by every browser: their kind is shown instead.
    image.addEventListener("error", () => { cell.textContent = suffix(name).slice(1).toUpperCase(); });
    cell.append(image);
    return cell;
  }));
  if (photos.length > PREVIEWS) {
    const cell = document.createElement("li");
    cell.textContent = `+${new Intl.NumberFormat(language).format(photos.length - PREVIEWS)}`;
    list.append(cell);
  }
}

async function walk(entry) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    add(file, entry.fullPath.replace(/^\//, ""));
    return;
  }
  const reader = entry.createReader();
  for (;;) { // a reader hands out at most a hundred entries a call
    const found = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!found.length) return;
    for (const inner of found) await walk(inner);
  }
}

function idempotencyKey() {
  // crypto.randomUUID exists on HTTPS and localhost only.
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function fail(words) {
  byId("upload-failed").textContent = words;
  byId("upload-failed").hidden = false;
}

function send() {
  const body = new FormData();
  for (const field of ["name", "preset"]) body.append(field, new FormData(form).get(field) || "");
  const start = new FormData(form).get("not_before"); // the visitor's local time
  if (start) body.append("not_before", new Date(start).toISOString());
  for (const { file, name } of chosen.values()) body.append("files", file, name);
  key ||= idempotencyKey();
  const request = sending = new XMLHttpRequest();
  request.open("POST", form.dataset.api);
  request.setRequestHeader("Idempotency-Key", key);
  request.responseType = "json";
  const words = byId("sent");
  const bar = byId("bar");
  request.upload.addEventListener("progress", (event) => {
    if (!event.lengthComputable) return;
    bar.value = event.loaded / event.total;
    words.textContent = words.dataset.words.replace("{done}", bytes(event.loaded)).replace("{all}", bytes(event.total));
  });
  request.upload.addEventListener("load", () => {
    bar.removeAttribute("value");
    words.textContent = words.dataset.last;
  });
  request.addEventListener("load", () => {
    if (request.status === 202) {
      location.assign(form.dataset.job.replace("JOB", request.response.id));
      return;
    }
    fail(request.response?.detail || byId("upload-failed").dataset.lost);
  });
  request.addEventListener("error", () => fail(byId("upload-failed").dataset.lost));
  request.addEventListener("loadend", () => {
    if (request.status === 202) return;
    sending = null;
    byId("sending").hidden = true;
    byId("send").disabled = false;
  });
  bar.value = 0;
  words.textContent = "";
  byId("upload-failed").hidden = true;
  byId("sending").hidden = false;
  byId("send").disabled = true;
  request.send(body);
}

for (const field of [byId("files"), byId("folder")]) {
  field.addEventListener("change", () => {
    for (const file of field.files) add(file);
    field.value = "";
    changed();
  });
}
byId("clear").addEventListener("click", () => {
  chosen = new Map();
  refused = [];
  changed();
});
byId("stop").addEventListener("click", () => sending?.abort());
// Another name, preset or time is another request: with the old key it would be refused.
form.addEventListener("change", () => { key = null; });
form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (chosen.size && !sending) send();
});

let depth = 0; // dragenter and dragleave fire for every child
addEventListener("dragenter", () => { depth += 1; byId("drop").classList.add("over"); });
addEventListener("dragleave", () => { depth -= 1; if (!depth) byId("drop").classList.remove("over"); });
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", async (event) => {
  event.preventDefault();
  depth = 0;
  byId("drop").classList.remove("over");
  // Entries are gone after the first await: all are taken before.
  const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry()).filter(Boolean);
  for (const entry of entries) await walk(entry);
  changed();
});
addEventListener("paste", (event) => {
  const files = [...event.clipboardData.files];
  for (const file of files) add(file, file.name === "image.png" ? `pasted-${new Date().toISOString().slice(11, 19).replaceAll(":", "")}.png` : file.name);
  if (files.length) changed();
});
addEventListener("beforeunload", (event) => { if (sending && !sending.status) event.preventDefault(); });

changed();
