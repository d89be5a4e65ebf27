// A field that completes names of classes: Chinese, English, alias, pinyin and its initials.
"use strict";

function nameKey(text) {
  return text.normalize("NFKC").toLowerCase().replace(/[\s_-]+/g, "");
}

// How well a class fits what was typed: 0 is the whole name, larger is worse, Infinity not at all.
function nameRank(keys, typed) {
  let best = Infinity;
  for (const key of keys) {
    const at = key.indexOf(typed);
    if (at < 0) continue;
    best = Math.min(best, key === typed ? 0 : at === 0 ? 1 : 2);
  }
  return best;
}

// `chosen(label, called, isNew)` is called with a class, `left()` when the field is left without one.
function completeNames(input, list, address, create, chosen, left) {
  const chinese = document.documentElement.lang.startsWith("zh");
  let classes = [];
  let shown = [];
  let current = -1;
  let onlyNew = false;

  fetch(address).then((answer) => answer.json()).then((found) => {
    classes = found.classes.map((entry) => ({
      label: entry.label,
      called: (chinese ? entry.zh || entry.en : entry.en || entry.zh) || entry.label,
      keys: [entry.label, entry.zh, entry.en, ...entry.also].filter(Boolean).map(nameKey),
    }));
    if (document.activeElement === input) offer();
  }).catch(() => { /* typed names still work: the server knows them */ });

  function close() {
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }

  function mark(index) {
    current = index;
    for (const [n, row] of [...list.children].entries()) row.setAttribute("aria-selected", String(n === current));
    if (current >= 0) {
      input.setAttribute("aria-activedescendant", list.children[current].id);
      list.children[current].scrollIntoView({ block: "nearest" });
    }
  }

  function offer() {
    const typed = nameKey(input.value);
    shown = [];
    if (typed && !onlyNew) {
      shown = classes.map((entry) => ({ ...entry, rank: nameRank(entry.keys, typed) }))
        .filter((entry) => entry.rank < Infinity).sort((a, b) => a.rank - b.rank || a.called.length - b.called.length).slice(0, 8);
    }
    const known = classes.some((entry) => entry.keys.includes(typed));
    if (typed && !known) shown.push({ label: input.value.trim(), called: input.value.trim(), isNew: true });
    list.replaceChildren(...shown.map((entry, n) => {
      const row = document.createElement("li");
      row.id = `review-name-${n}`;
      row.setAttribute("role", "option");
      row.textContent = entry.isNew ? create.replace("{name}", entry.called) : entry.called;
      row.addEventListener("pointerdown", (event) => { event.preventDefault(); take(n); });
      return row;
    }));
    list.hidden = shown.length === 0;
    input.setAttribute("aria-expanded", String(!list.hidden));
    mark(shown.length ? 0 : -1);
  }

  function take(index) {
    const entry = shown[index];
    if (!entry) return;
    input.value = "";
    close();
    input.blur();
    chosen(entry.label, entry.called, Boolean(entry.isNew));
  }

  input.addEventListener("input", offer);
  input.addEventListener("focus", offer);
  input.addEventListener("blur", () => { onlyNew = false; close(); });
  input.addEventListener("keydown", (event) => {
    // Enter and arrows belong to the input method while it composes.
    if (event.isComposing) return;
    event.stopPropagation();
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (shown.length) mark((current + (event.key === "ArrowDown" ? 1 : shown.length - 1)) % shown.length);
    } else if (event.key === "Enter") {
      event.preventDefault();
      take(current);
    } else if (event.key === "Escape") {
      input.value = "";
      input.blur();
      left();
    }
  });

  return {
    open(asNew) {
      onlyNew = asNew;
      input.focus();
    },
    add(label, called) {
      if (!classes.some((entry) => entry.label === label)) classes.push({ label, called, keys: [nameKey(label)] });
    },
  };
}
