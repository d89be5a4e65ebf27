// A job's page in a tab that nobody looks at: its title counts, and its end is told by the browser where one wished so.
"use strict";

// Scripts of a page share their names; these are nobody else's.
{
  const plainTitle = document.title;
  const wish = document.getElementById("notify");
  const mark = document.querySelector("link[rel=icon]");
  const plainMark = mark.href;

  function count() {
    const bar = document.querySelector("#progress progress");
    if (!bar || bar.position < 0) return;
    document.title = bar.position < 1 ? `(${Math.floor(100 * bar.position)} %) ${plainTitle}` : plainTitle;
  }

  function ended() {
    clearInterval(counting);
    const bar = document.querySelector("#progress progress");
    document.title = `✓ ${bar ? `(${bar.value.toLocaleString(document.documentElement.lang)}) ` : ""}${plainTitle}`;
    mark.href = mark.dataset.done || plainMark;
    if (wish) {
      if (localStorage.getItem("weft-notify") && Notification.permission === "granted" && document.hidden) {
        new Notification(wish.dataset.title, { body: wish.dataset.name, icon: plainMark, tag: location.pathname });
      }
      wish.hidden = true;
    }
  }

  if (wish && "Notification" in window && Notification.permission !== "denied") {
    const shown = () => { wish.setAttribute("aria-pressed", String(Boolean(localStorage.getItem("weft-notify")) && Notification.permission === "granted")); };
    wish.hidden = false;
    shown();
    wish.addEventListener("click", async () => {
      if (wish.getAttribute("aria-pressed") === "true") localStorage.removeItem("weft-notify");
      else if (await Notification.requestPermission() === "granted") localStorage.setItem("weft-notify", "1");
      shown();
    });
  }
  const counting = setInterval(count, 1000);
  document.body.addEventListener("job-ended", ended);
}
