// Pictures side by side that zoom and move together: wheel, pinch, drag and keys. Positions are shares of a frame.
"use strict";

const pan = { zoom: 1, x: 0, y: 0 };
const PAN_MOST = 12;

function panFrames() {
  return document.querySelectorAll(".review-photo:not([hidden]) .pan");
}

function panShow() {
  const [photo] = panFrames();
  if (!photo) return;
  document.body.style.setProperty("--photo-width", `${photo.clientWidth}px`);
  document.body.style.setProperty("--photo-height", `${photo.clientHeight}px`);
  const room = (pan.zoom - 1) / 2;
  pan.x = Math.max(-room, Math.min(room, pan.x));
  pan.y = Math.max(-room, Math.min(room, pan.y));
  for (const frame of panFrames()) {
    const picture = frame.querySelector("img");
    if (picture) picture.style.transform = `translate(${100 * pan.x}%, ${100 * pan.y}%) scale(${pan.zoom})`;
    frame.classList.toggle("zoomed", pan.zoom > 1);
  }
}

function panReset() {
  Object.assign(pan, { zoom: 1, x: 0, y: 0 });
  panShow();
}

// `at`: where to zoom, from the frame's middle, in shares of the frame.
function panZoom(factor, at = { x: 0, y: 0 }) {
  const zoom = Math.max(1, Math.min(PAN_MOST, pan.zoom * factor));
  const real = zoom / pan.zoom;
  pan.x = at.x + (pan.x - at.x) * real;
  pan.y = at.y + (pan.y - at.y) * real;
  pan.zoom = zoom;
  panShow();
}

function panAt(frame, event) {
  const box = frame.getBoundingClientRect();
  return { x: (event.clientX - box.left) / box.width - 0.5, y: (event.clientY - box.top) / box.height - 0.5 };
}

window.addEventListener("resize", panShow);

function panWatch(stage, swiped) {
  const fingers = new Map();
  let began = null;

  stage.addEventListener("wheel", (event) => {
    const frame = event.target.closest(".pan");
    if (!frame) return;
    event.preventDefault();
    panZoom(Math.exp(-event.deltaY / 300), panAt(frame, event));
  }, { passive: false });

  stage.addEventListener("dblclick", (event) => {
    const frame = event.target.closest(".pan");
    if (frame) pan.zoom > 1 ? panReset() : panZoom(3, panAt(frame, event));
  });

  stage.addEventListener("pointerdown", (event) => {
    const frame = event.target.closest(".pan");
    if (!frame) return;
    event.preventDefault();
    frame.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, { frame, x: event.clientX, y: event.clientY });
    began = fingers.size === 1 ? { x: event.clientX, y: event.clientY, touch: event.pointerType !== "mouse" } : null;
  });

  stage.addEventListener("pointermove", (event) => {
    const finger = fingers.get(event.pointerId);
    if (!finger) return;
    const box = finger.frame.getBoundingClientRect();
    const others = [...fingers.values()].filter((other) => other !== finger);
    if (others.length) {
      const [other] = others;
      const was = Math.hypot(finger.x - other.x, finger.y - other.y);
      const is = Math.hypot(event.clientX - other.x, event.clientY - other.y);
      if (was > 0) panZoom(is / was, panAt(finger.frame, { clientX: (event.clientX + other.x) / 2, clientY: (event.clientY + other.y) / 2 }));
    } else if (pan.zoom > 1) {
      pan.x += (event.clientX - finger.x) / box.width;
      pan.y += (event.clientY - finger.y) / box.height;
      panShow();
    }
    finger.x = event.clientX;
    finger.y = event.clientY;
  });

  const lifted = (event) => {
    fingers.delete(event.pointerId);
    // An unmagnified photo that a finger pushes aside makes room for the next one.
    if (event.type === "pointerup" && began && began.touch && pan.zoom === 1) {
      const way = event.clientX - began.x;
      if (Math.abs(way) > 60 && Math.abs(way) > 2 * Math.abs(event.clientY - began.y)) swiped(way < 0 ? 1 : -1);
    }
    began = null;
  };
  stage.addEventListener("pointerup", lifted);
  stage.addEventListener("pointercancel", lifted);
}
