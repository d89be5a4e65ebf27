// Photos, folders and files for the bank: dropped or chosen, sent with progress. Without this, the forms post themselves.
"use strict";

const SHOWN = 12;

function uploadForm(form) {
  const words = form.dataset;
  const zone = form.querySelector(".drop");
  const input = zone.querySelector("input[type=file]");
  const folders = input.webkitdirectory;
  const told = zone.querySelector(".chosen");
  const previews = zone.querySelector(".previews");
  const sending = form.querySelector(".sending");
  const failure = form.querySelector(".failure");
  const button = form.querySelector("button[type=submit]");
  const extensions = new Set(words.extensions.split(" "));
  const number = new Intl.NumberFormat(document.documentElement.lang);
  const percent = new Intl.NumberFormat(document.documentElement.lang, { style: "percent" });
  let chosen = [];
  let busy = false;

  const suffix = (name) => (name.includes(".") ? "." + name.split(".").pop().toLowerCase() : "");
  const isPhoto = ({ file, name }) => extensions.has(suffix(name)) || file.type.startsWith("image/");
  const fail = (sentence) => { failure.textContent = sentence; failure.hidden = !sentence; };

  function choose(files) {
    if (busy || !files.length) return;
    // Names of classes lie beside the folders as JSON.
    if (zone.dataset.field === "file") chosen = files.slice(0, 1);
    else chosen = files.filter((one) => isPhoto(one) || (folders && suffix(one.name) === ".json"));
    const photos = chosen.filter(isPhoto);
    const classes = new Set(photos.map(({ name }) => name.split("/").slice(-2, -1)[0]));
    told.textContent = zone.dataset.field === "file" ? chosen[0].name
      : (folders ? words.classes : words.photos).replace("{n}", number.format(photos.length)).replace("{classes}", number.format(classes.size));
    told.hidden = false;
    for (const image of previews.querySelectorAll("img")) URL.revokeObjectURL(image.src);
    previews.replaceChildren(...photos.slice(0, SHOWN).map(({ file }) => {
      const cell = document.createElement("li");
      const image = document.createElement("img");
      image.alt = "";
      image.src = URL.createObjectURL(file);
      cell.append(image);
      return cell;
    }));
    previews.hidden = !photos.length;
    fail(chosen.length > Number(words.maxFiles) ? words.tooMany.replace("{n}", number.format(Number(words.maxFiles))) : "");
    if (words.atOnce && photos.length && failure.hidden) form.requestSubmit();
  }

  function send() {
    const body = new FormData(form);
    body.delete(zone.dataset.field);
    const token = body.get("csrf");
    body.delete("csrf");
    for (const [name, value] of [...body]) if (value === "") body.delete(name);
    for (const { file, name } of chosen) body.append(zone.dataset.field, file, name);
    const request = new XMLHttpRequest();
    const bar = sending.querySelector("progress");
    const line = sending.querySelector("p");
    request.open("POST", words.api);
    if (token) request.setRequestHeader("X-CSRF-Token", token);
    request.setRequestHeader("Accept", "application/json");
    request.responseType = "json";
    request.upload.addEventListener("progress", (event) => {
      if (!event.lengthComputable) return;
      bar.value = event.loaded / event.total;
      line.textContent = words.sent.replace("{done}", percent.format(event.loaded / event.total));
    });
    request.upload.addEventListener("load", () => { bar.removeAttribute("value"); line.textContent = words.last; });
    request.addEventListener("loadend", () => {
      if (request.status === 202) {
        busy = false;
        location.assign(words.task.replace("TASK", request.response.id));
        return;
      }
      busy = false;
      sending.hidden = true;
      button.disabled = false;
      fail(request.response?.detail || words.lost);
    });
    busy = true;
    button.disabled = true;
    sending.hidden = false;
    bar.value = 0;
    fail("");
    request.send(body);
  }

  input.addEventListener("change", () => {
    const files = [...input.files].map((file) => ({ file, name: file.webkitRelativePath || file.name }));
    input.value = "";
    choose(files);
  });
  for (const kind of ["dragenter", "dragover"]) {
    form.addEventListener(kind, (event) => { event.preventDefault(); zone.classList.add("over"); });
  }
  form.addEventListener("dragleave", (event) => { if (!form.contains(event.relatedTarget)) zone.classList.remove("over"); });
  form.addEventListener("drop", async (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    // Entries are gone after the first await: all are taken before.
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry()).filter(Boolean);
    const found = [];
    for (const entry of entries) await walk(entry, found);
    choose(found);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!busy) send();
  });
  addEventListener("beforeunload", (event) => { if (busy) event.preventDefault(); });
}

for (const form of document.querySelectorAll("form.upload-form")) uploadForm(form);
// A file that misses its place must not replace the page.
for (const kind of ["dragover", "drop"]) addEventListener(kind, (event) => event.preventDefault());
