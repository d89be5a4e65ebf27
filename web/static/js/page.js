// What every page does: polling that rests while nobody looks, times in the visitor's zone, errors as a short message.
"use strict";

document.documentElement.classList.add("scripted");
for (const field of document.querySelectorAll("[data-timezone]")) {
  field.value = new Date().getTimezoneOffset();
  field.disabled = false;
}

for (const field of document.querySelectorAll("[data-zone]")) {
  field.value = Intl.DateTimeFormat().resolvedOptions().timeZone || "";
  field.disabled = !field.value;
}
// A moment as a field for local times shows it.
for (const field of document.querySelectorAll("[data-moment]")) {
  const at = new Date(field.dataset.moment);
  field.value = new Date(at - at.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
}

// The field above it gets the next such hour, in the visitor's zone, as a time without one.
for (const button of document.querySelectorAll("[data-tonight]")) {
  button.addEventListener("click", () => {
    const at = new Date();
    if (at.getHours() >= Number(button.dataset.tonight)) at.setDate(at.getDate() + 1);
    at.setHours(Number(button.dataset.tonight), 0, 0, 0);
    const field = button.closest("form").elements.not_before;
    field.value = new Date(at - at.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
    field.dispatchEvent(new Event("input", { bubbles: true }));
  });
}

const toast = document.getElementById("toast");
let hiding;
function tell(words) {
  toast.textContent = words;
  toast.hidden = false;
  clearTimeout(hiding);
  hiding = setTimeout(() => { toast.hidden = true; }, 6000);
}

function localTimes(root) {
  const language = document.documentElement.lang;
  const today = new Date().toDateString();
  for (const element of root.querySelectorAll("time[datetime]")) {
    const moment = new Date(element.dateTime);
    const hours = (moment - Date.now()) / 3600000;
    const near = moment.toDateString() === today || ("clock" in element.dataset && hours > 0 && hours < 18);
    element.textContent = moment.toLocaleString(language, near ? { timeStyle: "short" } : { dateStyle: "medium", timeStyle: "short" });
    element.title = moment.toLocaleString(language, { dateStyle: "full", timeStyle: "medium" });
  }
}
localTimes(document);

document.body.addEventListener("htmx:beforeRequest", (event) => {
  const element = event.detail.elt;
  const asleep = document.hidden && element.hasAttribute("data-poll");
  // Nobody's correction is swept away while it is being written, nor the place in a long list, nor a selection.
  const inUse = element.hasAttribute("data-gentle")
    && (element.contains(document.activeElement) || element.querySelector("details[open]") || element.matches("[data-busy], [data-selecting]"));
  if (asleep || inUse) {
    event.preventDefault();
    asking.delete(element);
    plan();
  }
});

// Polling: an element with `data-poll` asks again after so many seconds. The slower the server answers, the longer the
// pauses, up to half a minute, and no two pages keep step: what is open in a hundred browsers does not come at once.
const asking = new Map();
const planned = new WeakSet();
const SLOW = 1000, LONGEST = 30;
// What is answered within moments (`data-soon`) is asked for soon at first, and then ever later.
let strain = 1, notBefore = 0, nextSoon = 0.2;
function pause(element) {
  let every = Number(element.dataset.poll);
  if ("soon" in element.dataset && nextSoon < every) {
    every = nextSoon;
    nextSoon *= 1.5;
  }
  const seconds = Math.min(every * strain, LONGEST) * (0.9 + 0.2 * Math.random());
  return Math.max(seconds * 1000, notBefore - performance.now());
}
function plan() {
  for (const element of document.querySelectorAll("[data-poll]")) {
    if (planned.has(element) || asking.has(element)) continue;
    planned.add(element);
    setTimeout(() => {
      planned.delete(element);
      if (!element.isConnected) return;
      asking.set(element, performance.now());
      htmx.trigger(element, "poll");
    }, pause(element));
  }
}
function judge(took, failed, retryAfter) {
  strain = failed || took > SLOW ? Math.min(strain * 2, LONGEST) : Math.max(strain / 2, 1);
  if (retryAfter) notBefore = performance.now() + retryAfter * 1000 * (1 + 0.2 * Math.random());
  const polled = document.querySelector("[data-poll]");
  const notice = document.getElementById("slow");
  notice.hidden = !polled || strain < 4;
  if (polled) notice.textContent = notice.dataset.words.replace("{seconds}", Math.round(Math.min(polled.dataset.poll * strain, LONGEST)));
}
document.body.addEventListener("htmx:afterRequest", (event) => {
  const { xhr, requestConfig } = event.detail;
  const element = requestConfig?.elt || event.detail.elt;
  if (asking.has(element)) {
    judge(performance.now() - asking.get(element), !xhr.status || xhr.status >= 500, Number(xhr.getResponseHeader("Retry-After")));
    asking.delete(element);
  }
  plan();
});
function showTitle() {
  const named = document.querySelector("[data-title]");
  if (named) document.title = `${named.dataset.title} · Weft`;
}
document.body.addEventListener("htmx:afterSettle", () => { plan(); showTitle(); });
// The address changes with filters and place: another language shows the same.
document.addEventListener("click", (event) => {
  const link = event.target.closest?.(".languages a");
  if (!link) return;
  const address = new URL(location.href);
  for (const [name, value] of new URL(link.href).searchParams) if (!address.searchParams.has(name)) address.searchParams.set(name, value);
  address.searchParams.set("lang", link.getAttribute("hreflang"));
  link.href = address.href;
}, true);
document.addEventListener("DOMContentLoaded", plan);
document.body.addEventListener("htmx:afterSwap", (event) => localTimes(event.detail.target.parentElement || document));
document.body.addEventListener("htmx:sendError", () => tell(toast.dataset.lost));
document.body.addEventListener("htmx:responseError", (event) => {
  let words = toast.dataset.lost;
  try { words = JSON.parse(event.detail.xhr.responseText).detail || words; } catch { /* not ours: a proxy's page */ }
  tell(words);
});

// A picture that is not there yet leaves the woven ground; `error` does not bubble, so it is caught on the way down.
for (const kind of ["error", "load"]) {
  document.addEventListener(kind, (event) => {
    if (event.target instanceof HTMLImageElement) event.target.classList.toggle("missing", kind === "error");
  }, true);
}
// Some have failed before this is there to see it.
for (const image of document.images) if (image.complete && !image.naturalWidth) image.classList.add("missing");

if (navigator.clipboard) {
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(button.previousElementSibling.textContent);
      const words = button.textContent;
      button.textContent = button.dataset.done;
      setTimeout(() => { button.textContent = words; }, 1500);
    });
  }
}
