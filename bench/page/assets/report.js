"use strict";
// The report of a run: a canvas for each chart, models that can be hidden everywhere at once, and
// the choices kept in the address.

(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const hidden = new Set(); // numbers of models
  const scales = new Map(); // of charts whose scale the reader chose: id -> "linear" or "log"
  const charts = new Map(); // id -> { chart, figure }

  document.documentElement.classList.add("scripted");

  for (const spec of data.charts) {
    const figure = document.querySelector(`[data-chart="${spec.id}"]`);
    const outputs = new Map();
    for (const li of figure.querySelectorAll(".legend li")) {
      outputs.set(Number(li.dataset.m), li.querySelector("output"));
      toggleOf(li);
    }
    const at = figure.querySelector(".readout-at");
    const idle = "";
    const said = (place) => {
      at.textContent = place === null ? idle : spec.atText[place];
      for (const line of spec.lines) outputs.get(line.m).textContent = place === null ? "" : line.t[place] || "–";
    };
    figure.classList.add("drawn-by-script"); // first, or the canvas has no width
    const chart = new LineChart(figure.querySelector(".canvas"), spec, data.models, { said });
    charts.set(spec.id, { chart, figure });
    for (const button of figure.querySelectorAll("[data-scale]")) {
      button.addEventListener("click", () => { rescale(spec.id, button.dataset.scale); remember(); });
    }
  }

  // toggleOf makes the name in a legend a button.
  function toggleOf(li) {
    const name = li.querySelector(".name"), button = document.createElement("button");
    button.type = "button";
    button.className = "name";
    button.dataset.toggle = li.dataset.m;
    button.textContent = name.textContent;
    button.title = "hide " + name.textContent;
    name.replaceWith(button);
  }

  function rescale(id, name) {
    const entry = charts.get(id);
    if (!entry) return;
    entry.chart.scale(name === "log");
    scales.set(id, name);
    for (const button of entry.figure.querySelectorAll("[data-scale]")) {
      button.setAttribute("aria-pressed", String((button.dataset.scale === "log") === entry.chart.asLog));
    }
  }

  // show makes the page agree with what is hidden.
  function show() {
    for (const el of document.querySelectorAll("main [data-m]:not(.legend > li)")) {
      el.classList.toggle("off", hidden.has(Number(el.dataset.m)));
    }
    for (const li of document.querySelectorAll(".legend > li")) {
      li.classList.toggle("muted", hidden.has(Number(li.dataset.m)));
    }
    for (const button of document.querySelectorAll(".filter [data-toggle]")) {
      button.setAttribute("aria-pressed", String(!hidden.has(Number(button.dataset.toggle))));
    }
    for (const { chart } of charts.values()) chart.hide(hidden);
  }

  function remember() {
    const names = [...hidden].sort((a, b) => a - b).map((m) => data.models[m].name);
    const chosen = { linear: [], log: [] };
    for (const [id, name] of scales) {
      const { chart } = charts.get(id);
      if (chart.asLog !== chart.spec.asLog) chosen[name].push(id);
    }
    state.write({ hide: names.join(","), linear: chosen.linear.join(","), log: chosen.log.join(",") });
  }

  function restore() {
    const saved = state.read();
    hidden.clear();
    for (const name of (saved.get("hide") ?? "").split(",")) {
      const m = data.models.findIndex((model) => model.name === name);
      if (m >= 0) hidden.add(m);
    }
    for (const name of ["linear", "log"]) {
      for (const id of (saved.get(name) ?? "").split(",")) rescale(id, name);
    }
    show();
  }

  document.addEventListener("click", (e) => {
    const button = e.target.closest("[data-toggle], [data-all]");
    if (!button) return;
    if ("all" in button.dataset) {
      hidden.clear();
    } else {
      const m = Number(button.dataset.toggle);
      if (!hidden.delete(m)) hidden.add(m);
    }
    show();
    remember();
  });

  // A link inside the page moves there and leaves the choices in the address.
  document.querySelector("nav").addEventListener("click", (e) => {
    const target = e.target.closest("a") && document.querySelector(e.target.closest("a").getAttribute("href"));
    if (!target || !state.read().size) return;
    e.preventDefault();
    target.scrollIntoView();
  });

  for (const svg of document.querySelectorAll("[data-ticks]")) {
    const texts = svg.dataset.ticks.split("|"), out = svg.closest(".heat").querySelector(".readout-at");
    const name = svg.closest("tr").querySelector("th").textContent;
    svg.addEventListener("pointermove", (e) => {
      const i = [...svg.children].indexOf(e.target);
      if (i >= 0) out.textContent = `${name}, ${texts[i]}`;
    });
  }

  copyButtons(document);
  onPaper(() => charts.forEach(({ chart }) => chart.build()));
  addEventListener("hashchange", () => location.hash.includes("=") && restore());
  restore();
})();
