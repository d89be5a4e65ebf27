// The results as one long list of which only the part near the window is in the page, however long it is.
// It is made of blocks of so many photos; those that are out of sight are taken out, and their height is kept.
"use strict";

// `tallest`: browsers draw no page that is higher than 33 million pixels; 100,000 photos are on a phone.
const GRID = { near: 2500, wait: 90, most: 8, tallest: 24_000_000 };

class Grid {
  constructor(root) {
    this.root = root;
    this.page = Number(root.dataset.page);
    this.heights = new Map();
    this.blocks = new Map();
    this.above = document.createElement("div");
    this.below = document.createElement("div");
    const first = root.querySelector(".cards");
    this.blocks.set(Number(first.dataset.from) / this.page, first);
    root.prepend(this.above);
    root.append(this.below);
    root.classList.add("virtual");
    this.measure();
    this.space();
    const place = Number(root.dataset.place);
    if (place > 1) this.go(place);
    this.update();
  }

  get total() { return Number(document.getElementById("grid-total")?.dataset.total || 0); }

  get count() { return Math.ceil(this.total / this.page); }

  get usual() {
    if (!this.heights.size) return 4000;
    return Math.max(...this.heights.values());
  }

  // Of a block in the page as it is; of others what is kept for it, which may be less.
  height(block) {
    return this.blocks.get(block)?.offsetHeight ?? Math.min(this.full(block), GRID.tallest / this.count);
  }

  full(block) {
    const known = this.heights.get(block);
    if (known) return known;
    const photos = Math.min(this.page, this.total - block * this.page);
    return this.usual * Math.ceil(photos / 4) / Math.ceil(this.page / 4);
  }

  measure() {
    for (const [block, element] of this.blocks) if (!element.classList.contains("coming")) this.heights.set(block, element.offsetHeight);
  }

  // Blocks in the page are neighbours; spacers stand for all others.
  space() {
    const here = [...this.blocks.keys()];
    const first = Math.min(...here), last = Math.max(...here);
    let above = 0, below = 0;
    for (let block = 0; block < first; block += 1) above += this.height(block);
    for (let block = last + 1; block < this.count; block += 1) below += this.height(block);
    this.above.style.height = `${above}px`;
    this.below.style.height = `${below}px`;
  }

  wanted() {
    const top = -this.root.getBoundingClientRect().top;
    let at = 0, first = -1, last = 0;
    for (let block = 0; block < this.count; block += 1) {
      const end = at + this.height(block);
      if (first < 0 && end > top - GRID.near) first = block;
      if (at < top + innerHeight + GRID.near) last = block;
      at = end;
    }
    first = first < 0 ? Math.max(this.count - 1, 0) : first;
    return [first, Math.min(Math.max(last, first), first + GRID.most)];
  }

  // The first block in sight, one that has come rather than one that has not.
  sighted() {
    const seen = [...this.blocks].sort(([a], [b]) => a - b)
      .filter(([, element]) => element.getBoundingClientRect().bottom > 0 && element.getBoundingClientRect().top < innerHeight);
    return (seen.find(([, element]) => !element.classList.contains("coming")) || seen[0])?.[0];
  }

  // What is in sight stays where it is while `change` puts blocks in and out, and their heights become known.
  keep(change) {
    const block = this.sighted();
    const before = this.blocks.get(block)?.getBoundingClientRect().top;
    change();
    this.space();
    const after = this.blocks.get(block)?.getBoundingClientRect().top;
    if (after !== undefined && Math.abs(after - before) > 1) scrollBy(0, after - before);
  }

  update() {
    if (!this.root.isConnected || !this.count) return;
    const [first, last] = this.wanted();
    this.keep(() => {
      for (const [block, element] of this.blocks) {
        if (block >= first && block <= last) continue;
        element.remove();
        this.blocks.delete(block);
      }
      for (let block = first; block <= last; block += 1) if (!this.blocks.has(block)) this.add(block);
    });
    document.getElementById("results").toggleAttribute("data-busy", this.blocks.size > 1 || first > 0);
    this.tellPlace();
    clearTimeout(this.loading);
    this.loading = setTimeout(() => this.load(), GRID.wait);
  }

  add(block) {
    const element = document.createElement("div");
    element.className = "cards coming";
    element.dataset.from = String(block * this.page);
    element.style.height = `${this.full(block)}px`;
    this.blocks.set(block, element);
    const next = [...this.blocks.keys()].filter((other) => other > block).sort((a, b) => a - b)[0];
    this.root.insertBefore(element, next === undefined ? this.below : this.blocks.get(next));
  }

  load() {
    for (const [block, element] of this.blocks) {
      if (!element.classList.contains("coming") || element.dataset.asked) continue;
      element.dataset.asked = "1";
      this.fetch(block).then((html) => {
        if (this.blocks.get(block) === element) this.put(block, element, html);
      }).catch(() => { delete element.dataset.asked; tell(toast.dataset.lost); });
    }
  }

  async fetch(block) {
    const address = `${this.root.dataset.blocks}&from=${block * this.page + 1}`;
    const answer = await fetch(address, { headers: { "HX-Request": "true" } });
    if (!answer.ok) throw new Error(String(answer.status));
    return answer.text();
  }

  put(block, old, html) {
    const made = new DOMParser().parseFromString(html, "text/html").querySelector(".cards");
    this.keep(() => {
      this.blocks.set(block, made);
      old.replaceWith(made);
      htmx.process(made);
      localTimes(made);
      this.heights.set(block, made.offsetHeight);
    });
    this.root.dispatchEvent(new CustomEvent("photos", { bubbles: true }));
    this.arrive();
    this.tellPlace();
  }

  // Cards that are in the page are asked for again, in their places: after an act on many.
  refresh() {
    for (const block of this.blocks.keys()) {
      this.fetch(block).then((html) => {
        const element = this.blocks.get(block);
        if (element) this.put(block, element, html);
      }).catch(() => tell(toast.dataset.lost));
    }
    this.update();
  }

  go(place) {
    this.target = Math.max(1, Math.min(place, this.total || place)) - 1;
    const block = Math.floor(this.target / this.page);
    let top = 0;
    for (let other = 0; other < block; other += 1) top += this.height(other);
    // First to where it should be: what is there is kept or loaded, and then the photo itself is gone to.
    scrollTo(0, scrollY + this.root.getBoundingClientRect().top + top);
    this.update();
    this.arrive();
  }

  arrive() {
    if (this.target === undefined) return;
    const card = this.blocks.get(Math.floor(this.target / this.page))?.children[this.target % this.page];
    if (!card) return;
    delete this.target;
    card.scrollIntoView({ block: "start" });
    this.update();
  }

  // The first photo in sight; 0 while those have yet to come.
  first() {
    for (const [block, element] of [...this.blocks].sort(([a], [b]) => a - b)) {
      for (const [n, card] of [...element.children].entries()) {
        if (card.getBoundingClientRect().bottom > 80) return block * this.page + n + 1;
      }
      if (element.classList.contains("coming") && element.getBoundingClientRect().bottom > 80) return 0;
    }
    return 0;
  }

  tellPlace() {
    clearTimeout(this.telling);
    this.telling = setTimeout(() => {
      if (!this.root.isConnected || this.target !== undefined) return;
      const place = this.first();
      if (!place) return;
      const field = document.getElementById("grid-at");
      if (field && field !== document.activeElement) field.value = String(place);
      const address = new URL(location.href);
      if (place > 1) address.searchParams.set("from", String(place)); else address.searchParams.delete("from");
      // The step in the history stays the same, so that Back comes to this place.
      if (address.href !== location.href) history.replaceState(history.state, "", address);
    }, 250);
  }
}

let grid = null;
function startGrid() {
  const root = document.getElementById("grid");
  if (root && root !== grid?.root) grid = new Grid(root);
  if (!root) grid = null;
}
if ("scrollRestoration" in history) history.scrollRestoration = "manual";
addEventListener("scroll", () => grid?.update(), { passive: true });
addEventListener("resize", () => {
  if (!grid) return;
  // Another number of columns: what was measured is no longer so.
  const place = grid.target === undefined ? grid.first() : grid.target + 1;
  grid.heights.clear();
  grid.measure();
  grid.space();
  if (place > 1) grid.go(place); else grid.update();
});
document.body.addEventListener("htmx:afterSettle", startGrid);
document.body.addEventListener("htmx:oobAfterSwap", (event) => { if (event.detail.target.id === "grid-total") setTimeout(() => grid?.update()); });
document.body.addEventListener("change", (event) => {
  if (event.target.id === "grid-at") grid?.go(Number(event.target.value) || 1);
});
document.body.addEventListener("submit", (event) => {
  if (!event.target.classList.contains("jump") || !grid) return;
  event.preventDefault();
  grid.go(Number(document.getElementById("grid-at").value) || 1);
});
startGrid();
