// The list of jobs: several are chosen, and one act is done with all of them.
"use strict";
{
  const form = document.getElementById("job-acts");
  const bar = document.getElementById("job-bar");
  const ticks = () => [...form.querySelectorAll("[name=job]")];
  let last = null; // the tick that was clicked before, from which Shift goes on

  function shown() {
    const all = ticks();
    const chosen = all.filter((tick) => tick.checked).length;
    const head = document.getElementById("tick-all");
    bar.hidden = !chosen;
    const count = document.getElementById("job-count");
    count.textContent = count.dataset.words.replace("{n}", new Intl.NumberFormat(document.documentElement.lang).format(chosen));
    // While jobs are chosen, the list stays as it is.
    document.getElementById("jobs").toggleAttribute("data-selecting", chosen > 0);
    if (head) {
      head.checked = chosen > 0 && chosen === all.length;
      head.indeterminate = chosen > 0 && chosen < all.length;
      head.hidden = !all.length;
    }
  }

  form.addEventListener("click", (event) => {
    const tick = event.target.closest("[name=job]");
    if (!tick) return;
    const all = ticks();
    if (event.shiftKey && last && all.includes(last)) {
      const [from, to] = [all.indexOf(last), all.indexOf(tick)].sort((a, b) => a - b);
      for (const between of all.slice(from, to + 1)) between.checked = tick.checked;
    }
    last = tick;
  });
  form.addEventListener("change", (event) => {
    if (event.target.id === "tick-all") for (const tick of ticks()) tick.checked = event.target.checked;
    shown();
  });
  document.getElementById("job-none").addEventListener("click", () => {
    for (const tick of ticks()) tick.checked = false;
    shown();
  });
  form.addEventListener("submit", (event) => {
    const question = event.submitter?.dataset.ask;
    const chosen = ticks().filter((tick) => tick.checked).length;
    if (!chosen || (question && !confirm(question.replace("{n}", chosen)))) event.preventDefault();
  });
  document.body.addEventListener("htmx:afterSettle", shown);
  // What an act told is told once: a reload is no second act.
  const address = new URL(location.href);
  for (const name of ["done", "act", "refused", "why"]) address.searchParams.delete(name);
  history.replaceState(history.state, "", address);
  shown();
}
