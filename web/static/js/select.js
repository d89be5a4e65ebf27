// Many photos at once: by click, with Shift, by drawing over cards, all of a filter; then one act, which can be undone.
"use strict";

const acts = document.getElementById("acts");
const undoBar = document.getElementById("undo-bar");
const chosen = new Set();
// All that the filters let through, also what is not loaded and what is still to come.
let all = false;
let anchor = null;
let drawing = null;
let lastAct = null;

const ticks = () => document.querySelectorAll("#grid .tick input");
const placeOf = (tick) => {
  const card = tick.closest(".item");
  return Number(card.parentElement.dataset.from) + [...card.parentElement.children].indexOf(card) + 1;
};
const listTotal = () => Number(document.getElementById("grid-total")?.dataset.total || 0);
// The filters as the page's address has them, and as the API calls them.
const filterQuery = () => new URL(document.getElementById("grid").dataset.blocks, location.href).searchParams;
function filterWish() {
  const link = document.querySelector("#exports a");
  const wish = Object.fromEntries(new URL(link.href).searchParams);
  for (const name of ["format", "headings"]) delete wish[name];
  return wish;
}

function showSelection() {
  const count = all ? listTotal() : chosen.size;
  acts.hidden = count === 0;
  document.getElementById("acts-count").textContent = count.toLocaleString(document.documentElement.lang);
  document.getElementById("acts-total").textContent = listTotal().toLocaleString(document.documentElement.lang);
  document.getElementById("acts-all").hidden = all;
  for (const tick of ticks()) {
    tick.checked = all || chosen.has(Number(tick.dataset.index));
    tick.closest(".item").classList.toggle("chosen", tick.checked);
  }
  document.getElementById("results").toggleAttribute("data-selecting", count > 0);
}

async function positions(from, to) {
  const query = filterQuery();
  query.set("from", from);
  query.set("to", to);
  const answer = await fetch(`${acts.dataset.positions}?${query}`);
  if (!answer.ok) throw new Error(String(answer.status));
  return (await answer.json()).items;
}

// "All" becomes a list of photos as soon as one of them is left out.
async function listAll() {
  if (!all) return;
  all = false;
  for (const index of await positions(1, listTotal())) chosen.add(index);
}

function mark(index, on) {
  if (on) chosen.add(index); else chosen.delete(index);
}

async function tick(element, range) {
  const index = Number(element.dataset.index), on = element.checked, place = placeOf(element);
  try {
    await listAll();
    mark(index, on);
    if (range && anchor !== null && anchor !== place) {
      for (const other of await positions(Math.min(anchor, place), Math.max(anchor, place))) mark(other, on);
    }
  } catch { tell(acts.dataset.lost); }
  anchor = place;
  showSelection();
}

function clearSelection() {
  chosen.clear();
  all = false;
  anchor = null;
  showSelection();
}

function selectAll() {
  if (!listTotal()) return;
  chosen.clear();
  all = true;
  showSelection();
}

let shifted = false;
document.addEventListener("click", (event) => { shifted = event.shiftKey; }, true);
document.body.addEventListener("change", (event) => {
  if (event.target.matches?.("#grid .tick input")) tick(event.target, shifted);
});
// Drawing begins on a corner: what the pointer passes over with the button held gets the same mark.
document.body.addEventListener("pointerdown", (event) => {
  const corner = event.target.closest?.(".tick");
  if (!corner || event.pointerType !== "mouse" || event.button || event.shiftKey) return;
  const box = corner.querySelector("input");
  drawing = { on: !box.checked, from: box, moved: false };
});
document.body.addEventListener("pointermove", (event) => {
  if (!drawing) return;
  if (!event.buttons) { drawing = null; return; }
  const box = document.elementFromPoint(event.clientX, event.clientY)?.closest(".item")?.querySelector(".tick input");
  if (!box || (box === drawing.from && !drawing.moved)) return;
  drawing.moved = true;
  event.preventDefault();
  for (const passed of [drawing.from, box]) mark(Number(passed.dataset.index), drawing.on);
  showSelection();
});
document.body.addEventListener("pointerup", () => { drawing = null; });
document.body.addEventListener("dragstart", (event) => { if (drawing) event.preventDefault(); });
document.body.addEventListener("selectstart", (event) => { if (drawing) event.preventDefault(); });

document.addEventListener("keydown", (event) => {
  if (document.querySelector("dialog[open]") || event.isComposing || event.target.closest("input:not([type=checkbox]):not([type=radio]), select, textarea")) return;
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "a" && document.getElementById("grid")) {
    event.preventDefault();
    selectAll();
  } else if (event.key === "Escape" && (all || chosen.size)) clearSelection();
});
document.getElementById("acts-all").addEventListener("click", selectAll);
// The one above the photos comes and goes with them.
document.body.addEventListener("click", (event) => { if (event.target.closest("#select-all")) selectAll(); });
document.getElementById("acts-none").addEventListener("click", clearSelection);
document.body.addEventListener("photos", showSelection);
// Other filters, another list: what was chosen before is no longer in sight.
document.body.addEventListener("htmx:afterSettle", (event) => {
  if (event.detail.target?.id === "results" || event.detail.elt?.id === "results") clearSelection();
});

async function post(address, body) {
  const headers = { "Content-Type": "application/json", ...(acts.dataset.csrf && { "X-CSRF-Token": acts.dataset.csrf }) };
  const answer = await fetch(address, { method: "POST", headers, body: JSON.stringify(body) });
  return { ok: answer.ok, json: await answer.json() };
}

async function afterAct() {
  const address = new URL(document.getElementById("grid").dataset.blocks.replace("/results", "/counts"), location.href);
  const html = await (await fetch(address, { headers: { "HX-Request": "true" } })).text();
  const part = new DOMParser().parseFromString(html, "text/html");
  for (const fresh of part.querySelectorAll("[id]")) {
    const old = document.getElementById(fresh.id);
    if (!old) continue;
    if (fresh.children.length) { old.replaceWith(fresh); continue; }
    old.textContent = fresh.textContent;
    if (fresh.dataset.total !== undefined) old.dataset.total = fresh.dataset.total;
  }
  grid?.refresh();
}

const which = () => (all ? { filters: filterWish() } : { items: [...chosen] });

async function act(wish) {
  try {
    const { ok, json } = await post(acts.dataset.reviews, { ...wish, ...which() });
    if (!ok) { tell(json.detail || acts.dataset.lost); return; }
    lastAct = json.act;
    undoBar.querySelector("span").textContent = json.message;
    document.getElementById("undo-act").hidden = !json.photos;
    document.getElementById("undo-bank").hidden = !wish.label;
    undoBar.hidden = false;
    clearSelection();
    await afterAct();
  } catch { tell(acts.dataset.lost); }
}

// Failed photos of the selection are tried again; the page then shows the job as it moves.
document.getElementById("acts-retry")?.addEventListener("click", async (event) => {
  try {
    const items = all ? await positions(1, listTotal()) : [...chosen];
    const { ok, json } = await post(event.target.dataset.api, { items });
    if (ok) location.reload(); else tell(json.detail || acts.dataset.lost);
  } catch { tell(acts.dataset.lost); }
});

document.getElementById("undo-act").addEventListener("click", async () => {
  try {
    const { ok, json } = await post(`${acts.dataset.reviews}/${lastAct}/undo`, {});
    undoBar.hidden = true;
    tell(ok ? acts.dataset.undone : json.detail || acts.dataset.lost);
    await afterAct();
  } catch { tell(acts.dataset.lost); }
});
document.getElementById("acts-reject")?.addEventListener("click", () => act({ review: "rejected" }));

// "Correct" gives each photo a class of its own: which ones is said first. A photo that is not in the bank has no answer
// to confirm, and what somebody has reviewed stays as it is.
const sure = document.getElementById("acts-sure");
const confirming = { review: "confirmed", skip: ["not_in_bank", "reviewed"] };
document.getElementById("acts-confirm")?.addEventListener("click", async () => {
  try {
    const { ok, json } = await post(acts.dataset.reviews, { ...confirming, ...which(), preview: true });
    if (!ok) { tell(json.detail || acts.dataset.lost); return; }
    sure.querySelector("p").textContent = json.message;
    sure.querySelector("[value=yes]").hidden = !json.photos;
    sure.returnValue = "";
    sure.showModal();
  } catch { tell(acts.dataset.lost); }
});
sure?.addEventListener("close", () => { if (sure.returnValue === "yes") act(confirming); });

const finding = document.getElementById("acts-find");
if (finding) {
  completeNames(finding, document.getElementById("acts-names"), acts.dataset.names, acts.dataset.create,
    (label, called, isNew) => act({ label, new_class: isNew }), () => {});
}

// Positions in runs, "0-99,120": most selections are short that way.
function runs(indexes) {
  const sorted = [...indexes].sort((a, b) => a - b);
  const found = [];
  for (const index of sorted) {
    const last = found[found.length - 1];
    if (last && last[1] === index - 1) last[1] = index; else found.push([index, index]);
  }
  return found.map(([from, to]) => (from === to ? String(from) : `${from}-${to}`)).join(",");
}
acts.querySelector(".acts-export").addEventListener("submit", (event) => {
  event.target.elements.items.value = all ? "" : runs(chosen);
  event.target.elements.filters.value = all ? new URLSearchParams(filterWish()).toString() : "";
});
