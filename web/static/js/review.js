// Review: one photo after another. Answers are shown at once and sent behind one another; a lost one is sent again.
"use strict";

const data = document.body.dataset;
const stage = document.getElementById("review-stage");
const counter = document.getElementById("review-at");
const progress = document.getElementById("review-done");
const toast = document.getElementById("toast");
const undoButton = document.getElementById("review-undo");
const done = new Set();
// Of each answered photo, newest last: its section, and the act once the server has answered.
const history = [];
let photos = [...stage.querySelectorAll(".review-photo")];
let at = 0;
let loading = null;
let sending = Promise.resolve();

function nextAddress() {
  const marks = stage.querySelectorAll(".review-next");
  return marks.length ? marks[marks.length - 1].dataset.next : "";
}

// The address of the next photos must not skip any: answered ones have left the filter, and cursors do not mind.
function loadMore() {
  const address = nextAddress();
  if (loading || !address) return loading;
  loading = fetch(address, { headers: { "HX-Request": "true" } }).then((answer) => {
    if (!answer.ok) throw new Error(String(answer.status));
    return answer.text();
  }).then((html) => {
    const part = new DOMParser().parseFromString(html, "text/html");
    for (const old of stage.querySelectorAll(".review-next")) old.remove();
    stage.append(...part.body.children);
    photos = [...stage.querySelectorAll(".review-photo")];
    loading = null;
    preload();
  }).catch(() => { loading = null; tell(data.lost); });
  return loading;
}

function tell(words) {
  toast.textContent = words;
  toast.hidden = false;
  clearTimeout(tell.timer);
  tell.timer = setTimeout(() => { toast.hidden = true; }, 5000);
}

function loadPictures(section) {
  for (const picture of section.querySelectorAll("img[data-large]")) {
    const { large, small } = picture.dataset;
    delete picture.dataset.large;
    picture.draggable = false;
    // The small one is there at once, the large one takes its place when it has arrived.
    if (small) {
      picture.src = small;
      const better = new Image();
      better.addEventListener("load", () => { picture.src = large; });
      better.src = large;
    } else {
      picture.src = large;
    }
    picture.addEventListener("error", () => picture.classList.add("missing"));
    picture.addEventListener("load", () => picture.classList.remove("missing"));
  }
}

function preload() {
  for (const section of photos.slice(at, at + 3)) loadPictures(section);
  if (at + 5 >= photos.length) loadMore();
}

function show(index) {
  at = Math.max(0, Math.min(index, photos.length));
  if (at === photos.length && nextAddress()) {
    loadMore()?.then(() => show(at));
    return;
  }
  for (const [n, section] of photos.entries()) section.hidden = n !== at;
  const end = at === photos.length;
  document.getElementById("review-end").hidden = !end;
  document.getElementById("review-keys").classList.toggle("at-end", end);
  counter.textContent = String(Number(data.before) + Math.min(at + 1, Math.max(photos.length, 0)));
  progress.value = done.size;
  // "Correct" under "not in bank" would not say that the photo gets the nearest class.
  const words = document.querySelector("#review-confirm span");
  const nearest = photos[at]?.dataset.nearest;
  words.textContent = nearest ? words.dataset.is.replace("{label}", nearest) : words.dataset.correct;
  panReset();
  preload();
}

async function post(address, body) {
  for (let wait = 500; ; wait = Math.min(2 * wait, 15_000)) {
    try {
      const headers = { "Content-Type": "application/json", ...(data.csrf && { "X-CSRF-Token": data.csrf }) };
      const answer = await fetch(address, { method: "POST", headers, body: JSON.stringify(body) });
      if (answer.status < 500 && answer.status !== 429) return { status: answer.status, json: await answer.json() };
    } catch { /* the network: again */ }
    tell(data.lost);
    await new Promise((resolve) => { setTimeout(resolve, wait); });
  }
}

function answered(section, words) {
  const line = section.querySelector(".answer");
  line.textContent = words;
  line.hidden = !words;
}

function answer(wish, words) {
  const section = photos[at];
  if (!section) return;
  if (!data.reviews) {
    tell(data.refused);
    return;
  }
  const entry = { section, act: null, words: section.querySelector(".answer").textContent };
  history.push(entry);
  undoButton.disabled = false;
  done.add(section);
  answered(section, words);
  show(at + 1);
  const items = [Number(section.dataset.index)];
  sending = sending.then(async () => {
    const { status, json } = await post(data.reviews, { items, ...wish });
    if (status === 200) {
      entry.act = json.act;
      return;
    }
    // Refused: the photo is still to do, and comes back into view.
    history.splice(history.indexOf(entry), 1);
    done.delete(section);
    answered(section, entry.words);
    show(photos.indexOf(section));
    tell(json.detail || data.lost);
  });
}

function undo() {
  const entry = history.pop();
  undoButton.disabled = history.length === 0;
  if (!entry) return;
  done.delete(entry.section);
  answered(entry.section, entry.words);
  show(photos.indexOf(entry.section));
  sending = sending.then(async () => {
    if (entry.act === null) return;
    const { status, json } = await post(`${data.reviews}/${entry.act}/undo`, {});
    tell(status === 200 ? data.undone : json.detail || data.lost);
  });
}

function choose(label, called, isNew = false) {
  const predicted = photos[at] && photos[at].dataset.label === label;
  answer({ label, new_class: isNew }, `✓ ${predicted ? data.confirmed : data.corrected}: ${called}`);
  if (isNew) finder.add(label, called);
}

function confirm() {
  const section = photos[at];
  if (!section || !section.dataset.label) return;
  const first = section.querySelector(".choice");
  answer({ review: "confirmed" }, `✓ ${data.confirmed}: ${first ? first.dataset.called : section.dataset.label}`);
}

function reject() {
  answer({ review: "rejected" }, `✗ ${data.rejected}`);
}

const finder = completeNames(
  document.getElementById("review-find"), document.getElementById("review-names"), data.names, data.create, choose, () => {},
);

const KEYS = {
  Enter: confirm, x: reject, z: undo, ArrowLeft: () => show(at - 1), ArrowRight: () => show(at + 1),
  "/": () => finder.open(false), n: () => finder.open(true), "+": () => panZoom(1.4), "=": () => panZoom(1.4), "-": () => panZoom(1 / 1.4), 0: panReset,
  Escape: () => { location.href = data.back; },
};
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.target.closest("input")) return;
  const inControl = event.target.closest("a, button") && (event.key === "Enter" || event.key === " ");
  if (inControl) return;
  const number = Number(event.key);
  if (number >= 1 && number <= 3) {
    const choice = photos[at] && photos[at].querySelectorAll(".choice")[number - 1];
    if (choice) choose(choice.dataset.choose, choice.dataset.called);
  } else {
    const act = KEYS[event.key] || KEYS[event.key.toLowerCase()];
    if (!act) {
      // Any other letter begins a name, also one that an input method composes: the field takes this very key.
      if (event.key === "Process" || /^\p{L}$/u.test(event.key)) finder.open(false);
      return;
    }
    act();
  }
  event.preventDefault();
});

stage.addEventListener("click", (event) => {
  const choice = event.target.closest(".choice");
  if (choice) {
    choose(choice.dataset.choose, choice.dataset.called);
    choice.blur();
  }
});
for (const [id, act] of [["review-confirm", confirm], ["review-reject", reject], ["review-undo", undo], ["review-previous", () => show(at - 1)], ["review-following", () => show(at + 1)]]) {
  document.getElementById(id).addEventListener("click", (event) => {
    act();
    event.currentTarget.blur();
  });
}
const helpButton = document.getElementById("review-help-button");
helpButton.addEventListener("click", () => {
  const help = document.getElementById("review-help");
  help.hidden = !help.hidden;
  helpButton.setAttribute("aria-expanded", String(!help.hidden));
});
window.addEventListener("beforeunload", (event) => {
  if (history.some((entry) => entry.act === null)) event.preventDefault();
});
panWatch(stage, (way) => show(at + way));
show(0);
