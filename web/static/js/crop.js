// A box that is drawn on a photo, by mouse, finger or keys; it is sent in shares of the photo.
"use strict";

const CROP_LEAST = 0.04;
const CROP_STEP = 0.02;

function cropOn(form) {
  const frame = form.querySelector(".crop");
  const picture = frame.querySelector("img");
  const mark = frame.querySelector(".crop-box");
  const find = form.querySelector("#crop-find");
  const classify = form.querySelector("#crop-classify");
  let box = null;
  let began = null;

  picture.draggable = false;

  function show() {
    mark.hidden = find.hidden = classify.hidden = !box;
    frame.classList.toggle("marking", Boolean(box));
    if (!box) return;
    for (const [side, share] of [["left", box.x], ["top", box.y], ["width", box.w], ["height", box.h]]) mark.style[side] = `${100 * share}%`;
    form.elements.box.value = [box.x, box.y, box.w, box.h].map((share) => share.toFixed(4)).join(",");
  }

  function at(event) {
    const room = picture.getBoundingClientRect();
    const share = (value) => Math.max(0, Math.min(1, value));
    return { x: share((event.clientX - room.left) / room.width), y: share((event.clientY - room.top) / room.height) };
  }

  function inside() {
    box.w = Math.max(CROP_LEAST, Math.min(1, box.w));
    box.h = Math.max(CROP_LEAST, Math.min(1, box.h));
    box.x = Math.max(0, Math.min(1 - box.w, box.x));
    box.y = Math.max(0, Math.min(1 - box.h, box.y));
    show();
  }

  frame.addEventListener("pointerdown", (event) => {
    // A finger scrolls the page until a part is to be marked.
    if (event.pointerType === "touch" && mark.hidden) return;
    event.preventDefault();
    frame.setPointerCapture(event.pointerId);
    began = at(event);
  });
  frame.addEventListener("pointermove", (event) => {
    if (!began) return;
    const now = at(event);
    box = { x: Math.min(began.x, now.x), y: Math.min(began.y, now.y), w: Math.abs(now.x - began.x), h: Math.abs(now.y - began.y) };
    show();
  });
  frame.addEventListener("pointerup", () => {
    // A click is no box.
    if (began && box && (box.w < CROP_LEAST || box.h < CROP_LEAST)) box = null;
    began = null;
    show();
  });
  frame.addEventListener("pointercancel", () => { began = null; });

  // The box goes, whatever has the focus.
  function clear() {
    if (!box) return;
    const focused = mark.contains(document.activeElement) || [find, classify].includes(document.activeElement);
    box = began = null;
    show();
    if (focused) form.querySelector("#crop-begin").focus();
  }
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") clear(); });

  const ways = { ArrowLeft: ["x", "w", -1], ArrowRight: ["x", "w", 1], ArrowUp: ["y", "h", -1], ArrowDown: ["y", "h", 1] };
  mark.addEventListener("keydown", (event) => {
    if (event.key === "Enter") form.requestSubmit(find);
    const way = ways[event.key];
    if (!way || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    box[event.shiftKey ? way[1] : way[0]] += way[2] * CROP_STEP;
    inside();
  });

  function begin() {
    box = box || { x: 0.25, y: 0.25, w: 0.5, h: 0.5 };
    show();
    mark.focus();
  }
  form.querySelector("#crop-begin").addEventListener("click", begin);
  // Links to it, from cards and the review page.
  if (location.hash === "#part") begin();
  // Of a photo that is not to be had any more, its thumbnail is.
  picture.addEventListener("error", () => {
    const { small } = picture.dataset;
    delete picture.dataset.small;
    if (small) picture.src = small;
    else form.hidden = true;
  });
  if (picture.complete && !picture.naturalWidth) picture.dispatchEvent(new Event("error"));
}

document.querySelectorAll("form[data-crop]").forEach(cropOn);
