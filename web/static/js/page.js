// What every page does: polling that rests while nobody looks, times in the visitor's zone, errors as a short message.
"use strict";

document.documentElement.classList.add("scripted");
for (const field of document.querySelectorAll("[data-timezone]")) {
  field.value = new Date().getTimezoneOffset();
  field.disabled = false;
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
    const near = moment.toDateString() === today;
    element.textContent = moment.toLocaleString(language, near ? { timeStyle: "short" } : { dateStyle: "medium", timeStyle: "short" });
    element.title = moment.toLocaleString(language, { dateStyle: "full", timeStyle: "medium" });
  }
}
localTimes(document);

document.body.addEventListener("htmx:beforeRequest", (event) => {
  const element = event.detail.elt;
  const asleep = document.hidden && element.hasAttribute("data-poll");
  // Nobody's correction is swept away while it is being written, nor the further pages that somebody has loaded.
  const inUse = element.hasAttribute("data-gentle")
    && (element.contains(document.activeElement) || element.querySelector("details[open]") || element.querySelector(".later"));
  if (asleep || inUse) event.preventDefault();
});
document.body.addEventListener("htmx:afterSwap", (event) => localTimes(event.detail.target.parentElement || document));
document.body.addEventListener("htmx:sendError", () => tell(toast.dataset.lost));
document.body.addEventListener("htmx:responseError", (event) => {
  let words = toast.dataset.lost;
  try { words = JSON.parse(event.detail.xhr.responseText).detail || words; } catch { /* not ours: a proxy's page */ }
  tell(words);
});

// A picture that is not there yet leaves the woven ground; `error` does not bubble, so it is caught on the way down.
document.addEventListener("error", (event) => {
  if (event.target instanceof HTMLImageElement) event.target.classList.add("missing");
}, true);

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
