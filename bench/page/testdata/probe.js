// What the tests ask of a page, by name.
(() => {
  const one = (selector) => document.querySelector(selector);
  const all = (selector) => [...document.querySelectorAll(selector)];
  const seen = (el) => el.getClientRects().length > 0;
  const chart = (id) => one(`[data-chart="${id}"]`);
  window.probe = {
    fits: () => document.documentElement.scrollWidth <= innerWidth,
    canvasesFit: () => all(".canvas").every((c) => Math.abs(c.clientWidth - c.querySelector(".uplot").clientWidth) < 2),
    chartsDrawn: () => all("[data-chart]").length > 5 && all("[data-chart]").every((f) => f.querySelector("canvas")),
    focus: (id) => chart(id).querySelector(".canvas").focus(),
    cursorAt: (id) => chart(id).querySelector(".readout-at").textContent,
    readsAll: (id) => [...chart(id).querySelectorAll(".legend output")].every((o) => /\d+ (µs|ms|s)\b/.test(o.textContent)),
    hidden: (m) => all(`main [data-m="${m}"]:not(.legend > li)`).every((el) => !seen(el)),
    pressed: (id, scale) => chart(id).querySelector(`[data-scale="${scale}"]`).getAttribute("aria-pressed") === "true",
    onPaper: () => all(".paper").some(seen) && !all("canvas").some(seen),
    paper: () => getComputedStyle(document.documentElement).getPropertyValue("--paper").trim(),
    series: () => one("#series").textContent,
    classesShown: () => all(".class").filter(seen).length,
    middle: (selector) => {
      one(selector).scrollIntoView({ block: "center" });
      const r = one(selector).getBoundingClientRect();
      return [r.left + r.width / 2, r.top + r.height / 2];
    },
    focusHistory: () => one(".history .canvas").focus(),
    campaign: () => one("#campaign").textContent,
    pick: (name, i) => {
      const list = one(`[name="${name}"]`);
      list.selectedIndex = i;
      list.dispatchEvent(new Event("change", { bubbles: true }));
      return one(".class:not(.off)").dataset.class === list.value;
    },
    tables: () => all("main table").some(seen),
    drawings: () => all("svg.paper, svg.spark").some(seen),
    scriptless: () => !all(".needs-script").some(seen),
    hasText: (text) => document.body.innerText.includes(text),
  };
})();
