// The bank's pages: questions before what is hard to take back, what is selected, and samples large with zoom.
"use strict";

for (const form of document.querySelectorAll("form[data-confirm]")) {
  form.addEventListener("submit", (event) => { if (!confirm(form.dataset.confirm)) event.preventDefault(); });
}

for (const form of document.querySelectorAll("form[data-at-once].bank-choice")) {
  form.classList.add("scripted");
  form.addEventListener("change", () => form.requestSubmit());
}

const selected = document.getElementById("selected");
if (selected) {
  const hint = selected.textContent;
  const form = selected.closest("form");
  const count = () => {
    const number = form.querySelectorAll('input[type="checkbox"][value]:checked:not([name="publish"])').length;
    selected.textContent = number ? selected.dataset.words.replace("{n}", number) : hint;
  };
  form.addEventListener("change", count);
  count();
}

const viewer = document.getElementById("viewer");
if (viewer) {
  const links = [...document.querySelectorAll("a.enlarge")];
  const image = viewer.querySelector("img");
  let at = 0;
  const open = (index) => {
    at = (index + links.length) % links.length;
    image.src = links[at].href;
    image.alt = links[at].dataset.name;
    image.draggable = false;
    document.getElementById("viewer-name").textContent = links[at].dataset.name;
    if (!viewer.open) viewer.showModal();
    panReset();
  };
  panWatch(viewer, (step) => open(at + step));
  for (const [index, link] of links.entries()) {
    link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      open(index);
    });
  }
  viewer.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (event.target === viewer || (button && "close" in button.dataset)) viewer.close();
    else if (button && button.dataset.step) open(at + Number(button.dataset.step));
    else if (button && button.dataset.zoom) panZoom(Number(button.dataset.zoom));
  });
  viewer.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step) open(at + step);
    else if (event.key === "+" || event.key === "=") panZoom(1.5);
    else if (event.key === "-") panZoom(1 / 1.5);
    else if (event.key === "0") panReset();
    else return;
    event.preventDefault();
  });
}
