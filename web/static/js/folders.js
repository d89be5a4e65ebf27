// The folders of the server that jobs may read, by click.
"use strict";
{
  const panel = document.getElementById("folders");
  const button = document.getElementById("browse");
  const field = document.getElementById("folder-path");
  const list = document.getElementById("folder-list");
  const up = document.getElementById("folder-up");
  const told = document.getElementById("folder-told");
  const words = panel.dataset;
  let here = null;

  async function show(path) {
    const answer = await fetch(`${words.api}?path=${encodeURIComponent(path)}`).catch(() => null);
    const found = answer && await answer.json().catch(() => null);
    if (!answer?.ok || !found) {
      told.textContent = found?.detail || document.getElementById("toast").dataset.lost;
      return;
    }
    here = found;
    document.getElementById("folder-here").textContent = found.path || words.allowed;
    up.hidden = !found.path;
    if (found.path) field.value = found.path;
    list.replaceChildren(...found.folders.map((folder) => {
      const row = document.createElement("li");
      const open = document.createElement("button");
      open.type = "button";
      open.textContent = folder.name;
      open.addEventListener("click", () => show(folder.path));
      row.append(open);
      return row;
    }));
    const lines = [];
    if (found.path) lines.push(words.photos.replace("{n}", new Intl.NumberFormat(document.documentElement.lang).format(found.photos)));
    if (found.more) lines.push(words.more);
    if (!found.folders.length) lines.push(words.empty);
    told.textContent = lines.join(" · ");
    (list.querySelector("button") || up).focus();
  }

  button.hidden = false;
  button.addEventListener("click", () => {
    panel.hidden = !panel.hidden;
    button.setAttribute("aria-expanded", String(!panel.hidden));
    if (!panel.hidden) show(field.value.startsWith("/") ? field.value : "");
  });
  // From a root one comes to the list of all.
  up.addEventListener("click", () => show(here.parent || ""));
}
