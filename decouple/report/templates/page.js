"use strict";
// Everything on the page is there without this script; it adds the slider, enlarging and searching,
// and looks again while a run goes on.
const slider = document.querySelector(".versus input");
if (slider) {
  slider.hidden = false;
  const follow = () => slider.parentElement.style.setProperty("--at", slider.value + "%");
  slider.addEventListener("input", follow);
  follow(); // a browser may restore the value of a page that was left
}

const search = document.querySelector(".search input");
if (search) {
  search.closest(".search").hidden = false;
  const runs = [...document.querySelectorAll("[data-words]")];
  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const run of runs) run.hidden = !words.every((word) => run.dataset.words.includes(word));
    document.querySelector(".count").textContent = runs.filter((run) => !run.hidden).length;
  };
  search.addEventListener("input", filter);
  filter(); // a browser may restore what was typed
}

const dialog = document.querySelector("dialog");
const enlargers = [...document.querySelectorAll(".enlarge")];
let shown = 0;
function show(index) {
  shown = (index + enlargers.length) % enlargers.length;
  const small = enlargers[shown].querySelector("img");
  const large = dialog.querySelector("img");
  large.src = small.src;
  large.alt = small.alt;
  dialog.style.setProperty("--ratio", small.naturalWidth / small.naturalHeight);
  dialog.querySelector("span").textContent = small.alt;
}
enlargers.forEach((button, index) =>
  button.addEventListener("click", () => { show(index); dialog.showModal(); }));
if (dialog) {
  // The picture, the button and what is around the dialog close it; so does Escape.
  dialog.addEventListener("click", (event) => {
    if (event.target.matches("dialog, img, button")) dialog.close();
  });
  dialog.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step) { show(shown + step); event.preventDefault(); }
  });
}

const live = document.querySelector("[data-written]");
if (live) {
  // When the run last showed a sign of life, and for how long it may show none; in seconds.
  const [written, patience] = live.dataset.written.split(" ").map(Number);
  const again = () => { if (dialog.open) setTimeout(again, 1000); else location.reload(); };
  if (Date.now() / 1000 - written < patience) {
    setTimeout(again, 1000 * live.dataset.every);
  } else {
    document.querySelector("time").textContent = new Date(1000 * written).toLocaleString();
    for (const word of document.querySelectorAll(".silent")) word.hidden = false;
    live.classList.add("gone");
    // Not for ever; but who comes back to the page may have gone on with the run.
    document.addEventListener("visibilitychange", () => { if (!document.hidden) again(); });
  }
}
