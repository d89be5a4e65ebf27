// What one sees of an upload while it is sent: how far it is, each file, pause, and an upload that was interrupted before.
"use strict";

const KEPT = "weft-upload"; // the upload that is not finished: {id, name, all}
const ROWS = 200; // files that are listed
const WISHED = ["name", "preset", "priority", "bank", "not_before", "window_from", "window_to", "deadline", "split"].map((name) => `[name=${name}]`).join(", ");
const number = new Intl.NumberFormat(language);
const ORDER = ["failed", "lost", "sending", "waiting", "sent", "known"];
let resumed = null; // the upload that goes on

function duration(seconds) {
  const [value, unit] = seconds < 90 ? [seconds, "second"] : seconds < 5400 ? [seconds / 60, "minute"] : [seconds / 3600, "hour"];
  return new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "long", maximumFractionDigits: 0 }).format(Math.max(1, value));
}

function kept() {
  try {
    return JSON.parse(localStorage.getItem(KEPT) || "null");
  } catch {
    return null;
  }
}

async function send() {
  const token = form.elements.csrf?.value; // of a session
  const { name, preset, priority, bank, not_before: { value: start } } = form.elements; // the start in the visitor's local time
  const wish = { name: name.value.trim(), preset: preset.value, priority: priority.value };
  if (bank) wish.bank = bank.value; // where there are several
  if (form.elements.split.checked) wish.split = form.elements.split.value;
  if (start) wish.not_before = new Date(start).toISOString();
  const { window_from: { value: from }, window_to: { value: to }, zone, deadline: { value: by } } = form.elements;
  if (from || to) wish.window = `${from}-${to} ${zone.value}`.trim();
  if (by) wish.deadline = new Date(by).toISOString();
  const entries = [...chosen].map(([place, chosenFile]) => ({ place, ...chosenFile, archive: isArchive(chosenFile.name) }));
  sender = new Sender(entries, { api: form.dataset.api, token, wish, tooLarge: form.dataset.tooLarge }, shownSoon);
  byId("send").disabled = true;
  byId("upload-failed").hidden = true;
  byId("leave-out").hidden = true;
  byId("sending").hidden = false;
  await carryOn(() => sender.run(resumed));
}

// Runs a step that ends with the job's id, or with nothing where something is left to decide.
async function carryOn(step) {
  let job = null;
  try {
    job = await step();
  } catch (error) {
    if (error.code === "upload_gone" && !sender.stopping) {
      // It expired: its photos may be there all the same, and then they are not sent again.
      forget();
      sender = null;
      return send();
    }
    if (!sender.stopping) fail(error.message || byId("upload-failed").dataset.lost);
    if (error.code === "upload_taken_over") interrupted(); // it may be continued here again
  }
  takeLost();
  if (job) {
    sender.finished = true;
    localStorage.removeItem(KEPT);
    location.assign(form.dataset.job.replace("JOB", job));
    return undefined;
  }
  const failed = sender.entries.filter((entry) => entry.state === "failed");
  shown();
  if (failed.length && !sender.stopping) {
    fail(failed.slice(0, 3).map((entry) => entry.why).join(" "));
    const others = sender.entries.some(({ state }) => state === "sent" || state === "known");
    byId("leave-out").hidden = !others;
    if (!others) ended();
    return undefined;
  }
  ended();
  return undefined;
}

function ended() {
  sender = null;
  byId("sending").hidden = true;
  byId("send").disabled = !chosen.size;
}

// Files that were changed or deleted after they were chosen are named, and left out.
function takeLost() {
  const gone = sender.entries.filter((entry) => entry.state === "lost" && chosen.delete(entry.place));
  if (gone.length) {
    lost = [...lost, ...gone.map((entry) => entry.name)];
    changed();
  }
}

let soon = 0;
function shownSoon() {
  // Also before the server has the upload: a first request that is refused is repeated, and the page says why.
  if (sender && !soon) {
    if (sender.id && !resumed) localStorage.setItem(KEPT, JSON.stringify({ id: sender.id, name: sender.ask.wish.name, all: sender.entries.length }));
    soon = setTimeout(() => { soon = 0; if (sender) shown(); }, 150);
  }
}

function shown() {
  const words = byId("sent").dataset;
  const { done, all, doneBytes, allBytes, seconds } = sender.progress();
  const bar = byId("bar");
  if (all && done === all) bar.removeAttribute("value"); else bar.value = allBytes ? doneBytes / allBytes : 0;
  const left = seconds === null || done === all ? "" : ` · ${words.left.replace("{time}", duration(seconds))}`;
  byId("sent").textContent = all && done === all ? words.last : words.words.replace("{done}", number.format(done)).replace("{all}", number.format(all)) + left;
  const trouble = byId("trouble");
  trouble.hidden = !sender.trouble && !sender.paused;
  trouble.textContent = sender.paused ? trouble.dataset.paused : sender.trouble === "offline" ? trouble.dataset.offline : sender.told ? `${sender.told} ${trouble.dataset.again}` : trouble.dataset.busy;
  byId("pause").textContent = sender.paused ? byId("pause").dataset.resume : byId("pause").dataset.pause;
  if (sender.entries.some((entry) => entry.state === "lost" && chosen.has(entry.place))) takeLost();
  if (byId("each").open) listed();
}

function listed() {
  const list = byId("each-file");
  const words = list.dataset;
  const byState = new Map(ORDER.map((state) => [state, []]));
  for (const entry of sender?.entries || []) byState.get(entry.state).push(entry);
  const rows = [...byState.values()].flat();
  list.replaceChildren(...rows.slice(0, ROWS).map((entry) => {
    const row = document.createElement("li");
    const name = document.createElement("span");
    const state = document.createElement("span");
    name.textContent = entry.name;
    state.textContent = words[entry.state];
    row.className = `file-${entry.state}`;
    row.append(name, state);
    return row;
  }));
  byId("each-more").hidden = rows.length <= ROWS;
  byId("each-more").textContent = byId("each-more").dataset.words.replace("{n}", number.format(rows.length - ROWS));
}

function forget() {
  resumed = null;
  localStorage.removeItem(KEPT);
  byId("interrupted").hidden = true;
  for (const field of form.querySelectorAll(WISHED)) field.disabled = false;
}

async function discard(id) {
  const token = form.elements.csrf?.value;
  await fetch(`${form.dataset.api}/${id}`, { method: "DELETE", headers: token ? { "X-CSRF-Token": token } : {} }).catch(() => {});
}

// An upload of an earlier visit that is not finished.
async function interrupted() {
  const before = kept();
  if (!before) return;
  const answer = await fetch(`${form.dataset.api}/${before.id}`).catch(() => null);
  if (!answer) return;
  const upload = answer.ok ? await answer.json() : null;
  if (!upload || upload.job) {
    if (upload || answer.status === 404) localStorage.removeItem(KEPT);
    return;
  }
  resumed = upload;
  const words = byId("interrupted-words");
  const until = new Date(upload.expires * 1000).toLocaleString(language, { dateStyle: "medium", timeStyle: "short" });
  words.textContent = (upload.files ? words.dataset.words : words.dataset.none).replace("{done}", number.format(upload.files)).replace("{all}", number.format(Math.max(before.all, upload.files)))
    .replace("{until}", until).replace("{name}", upload.name || words.dataset.unnamed);
  byId("interrupted").hidden = false;
  // What was wished stays as it was.
  form.elements.name.value = upload.name;
  form.elements.priority.value = upload.priority;
  form.elements.split.checked = Boolean(upload.split);
  const preset = form.querySelector(`[name=preset][value="${upload.preset}"]`);
  if (preset) preset.checked = true;
  if (form.elements.bank) form.elements.bank.value = upload.bank || "default";
  for (const field of form.querySelectorAll(WISHED)) field.disabled = true;
}

byId("pause").addEventListener("click", () => sender?.pause(!sender.paused));
byId("stop").addEventListener("click", async () => {
  if (!sender) return;
  sender.stopping = true;
  const { id } = sender;
  sender.stop();
  if (id) await discard(id);
  forget();
  ended();
});
byId("leave-out").addEventListener("click", () => {
  for (const entry of sender.entries.filter(({ state }) => state === "failed")) chosen.delete(entry.place);
  sender.entries = sender.entries.filter(({ state }) => state !== "failed");
  changed();
  carryOn(() => sender.finish());
});
byId("discard-upload").addEventListener("click", async () => {
  if (resumed) await discard(resumed.id);
  forget();
});
byId("clear").addEventListener("click", () => {
  if (!sender) return;
  sender.stopping = true;
  sender.stop();
  ended();
});
byId("each").addEventListener("toggle", listed);
interrupted();
