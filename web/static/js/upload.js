// Choosing and checking photos. Without this file the form still posts what the first file field holds.
"use strict";

const form = document.getElementById("upload");
const byId = (id) => document.getElementById(id);
const language = document.documentElement.lang;
const extensions = new Set(form.dataset.extensions.split(" "));
const maxFiles = Number(form.dataset.maxFiles);
const maxBytes = Number(form.dataset.maxBytes);
const PREVIEWS = 16;

const NAMED_KINDS = 8;

let chosen = new Map(); // name|size|modified, and a number where it came twice → { file, name }
let leftOut = new Map(); // kind → number, as shared/photos/clutter.py has them
let lost = []; // names of photos that were changed or deleted after they were chosen
let sender = null; // see sending.js

const suffix = (name) => (name.includes(".") ? "." + name.split(".").pop().toLowerCase() : "");
const archiveEndings = form.dataset.archives.split(" ");
const isArchive = (name) => archiveEndings.some((ending) => name.toLowerCase().endsWith(ending));
// The server's own rule (shared/photos/clutter.py), and its expression.
const system = new RegExp(form.dataset.system, "i");
const kindOf = (name) => (/^\.[\p{L}\p{N}_+~-]{1,10}$/u.test(suffix(name)) ? suffix(name) : "no_ending");

function bytes(value) {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte"];
  const power = Math.min(units.length - 1, value ? Math.floor(Math.log(value) / Math.log(1000)) : 0);
  const digits = power > 1 ? 1 : 0;
  return new Intl.NumberFormat(language, { style: "unit", unit: units[power], unitDisplay: power ? "short" : "long", maximumFractionDigits: digits })
    .format(value / 1000 ** power);
}

// One selection: what the picker, a drop or the clipboard gives at a time. Within it every file counts, also two of one
// name, size and time from two folders; a file that is chosen again in another selection does not count twice.
async function add(selection) {
  const before = new Map(chosen);
  for (const { file, name } of selection) {
    if (system.test(name)) continue;
    if (!isArchive(name) && !extensions.has(suffix(name)) && !file.type.startsWith("image/")) {
      leftOut.set(kindOf(name), (leftOut.get(kindOf(name)) || 0) + 1);
      continue;
    }
    const identity = `${name}|${file.size}|${file.lastModified}`;
    let place = identity;
    let again = false;
    for (let n = 2; chosen.has(place) && !again; n += 1) {
      again = before.has(place) && await sameBytes(before.get(place).file, file);
      place = `${identity}|${n}`;
    }
    if (!again) chosen.set(place, { file, name });
  }
  changed();
}

async function sameBytes(one, other) {
  const step = 1 << 20;
  try {
    for (let at = 0; at < one.size; at += step) {
      const [a, b] = await Promise.all([one, other].map(async (file) => new Uint8Array(await file.slice(at, at + step).arrayBuffer())));
      if (a.some((byte, n) => byte !== b[n])) return false;
    }
  } catch {
    return false; // one of them cannot be read any more: sending finds out which
  }
  return true;
}

function leftOutSentence() {
  const told = [...leftOut].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
  const count = new Intl.NumberFormat("en", { useGrouping: false });
  const words = byId("refused").dataset;
  const part = (kind, number) => (words[kind] || words.kind).replace("{count}", count.format(number)).replace("{kind}", kind);
  const parts = told.slice(0, NAMED_KINDS).map(([kind, number]) => part(kind === "no_ending" ? "noEnding" : kind, number));
  const rest = told.slice(NAMED_KINDS).reduce((sum, [, number]) => sum + number, 0);
  if (rest) parts.push(part("others", rest));
  return words.words.replace("{kinds}", parts.join(words.and));
}

function changed() {
  const entries = [...chosen.values()];
  const photos = entries.filter((entry) => !isArchive(entry.name));
  const archives = entries.length - photos.length;
  const size = entries.reduce((sum, entry) => sum + entry.file.size, 0);
  const count = new Intl.NumberFormat(language);
  byId("check").hidden = !entries.length && !leftOut.size && !lost.length;
  byId("drop").classList.toggle("filled", entries.length > 0);
  byId("count").textContent = count.format(photos.length);
  byId("count").parentElement.hidden = !photos.length && archives > 0;
  byId("archives").textContent = count.format(archives);
  byId("archives").parentElement.hidden = !archives;
  byId("size").textContent = bytes(size);

  byId("refused").hidden = !leftOut.size;
  byId("refused").textContent = leftOut.size ? leftOutSentence() : "";
  const gone = byId("lost-files");
  gone.hidden = !lost.length;
  const more = lost.length - 3;
  gone.textContent = `${gone.dataset.words} ${lost.slice(0, 3).join(", ")}${more > 0 ? " " + gone.dataset.more.replace("{n}", count.format(more)) : ""}`;

  const limit = byId("too-much");
  const over = entries.length > maxFiles ? limit.dataset.files.replace("{n}", count.format(maxFiles))
    : size > maxBytes ? limit.dataset.bytes.replace("{n}", bytes(maxBytes)) : "";
  limit.hidden = !over;
  limit.textContent = over;
  byId("send").disabled = Boolean(over) || !entries.length || Boolean(sender);
  byId("send").title = entries.length ? "" : byId("send").dataset.none;
  byId("upload-failed").hidden = true;
  byId("leave-out").hidden = true;
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

function fail(words) {
  byId("upload-failed").textContent = words;
  byId("upload-failed").hidden = false;
}

for (const field of [byId("files"), byId("folder")]) {
  field.addEventListener("change", () => {
    const files = [...field.files];
    field.value = "";
    add(files.map((file) => ({ file, name: file.webkitRelativePath || file.name })));
  });
}
byId("clear").addEventListener("click", () => {
  chosen = new Map();
  leftOut = new Map();
  lost = [];
  changed();
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (chosen.size && !sender) send();
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
  const found = [];
  for (const entry of entries) await walk(entry, found);
  await add(found);
});
addEventListener("paste", (event) => {
  const files = [...event.clipboardData.files];
  const pasted = `pasted-${new Date().toISOString().slice(11, 19).replaceAll(":", "")}.png`;
  if (files.length) add(files.map((file) => ({ file, name: file.name === "image.png" ? pasted : file.name })));
});
addEventListener("beforeunload", (event) => { if (sender && !sender.finished) event.preventDefault(); });

changed();
